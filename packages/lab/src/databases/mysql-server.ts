import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findPort } from '../ports.ts'
import { signalTree } from '../process-tree.ts'
import type { Workspace } from '../workspace.ts'
import type { MysqlSettings } from './mysql-family.ts'
import { type MysqlTemplate, serverArguments } from './mysql-template.ts'
import { run } from './run.ts'

/** Where the servers of a cluster come from. */
export interface MysqlServers {
  create(name: string): MysqlServer
  dispose(): Promise<void>
}

/** The process side of a node: where the server is and how it is started and ended. What it is told by SQL is the node's. */
export interface MysqlServer {
  /** Whether the lab runs it. */
  readonly isOurs: boolean
  readonly host: string
  readonly port: number
  readonly url: string
  readonly adminUrl: string
  readonly isRunning: boolean
  /**
   * Resolves when the server answers.
   *
   * @param aside on another port than its own, until it is started again. Default: false
   */
  start(settings: MysqlSettings, aside?: boolean): Promise<void>
  /** SIGTERM, then waits for the end. */
  stop(): Promise<void>
  kill(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Takes the data of a server that is not running back to the empty database `app` of the beginning. */
  reset(): Promise<void>
}

/** A server that runs here, on a copy of the template's data. */
export class LocalMysqlServer implements MysqlServer {
  readonly isOurs = true
  readonly host = '127.0.0.1'
  readonly #name: string
  readonly #template: MysqlTemplate
  readonly #workspace: Workspace
  #port = 0
  /** Its own port, at which others look for it; 0 until it has been started there. */
  #home = 0
  #process: ChildProcess | undefined

  constructor(name: string, template: MysqlTemplate, workspace: Workspace) {
    this.#name = name
    this.#template = template
    this.#workspace = workspace
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `mysql://app:${this.#template.passwords.app}@${this.host}:${this.port}/app`
  }

  get adminUrl(): string {
    return `mysql://root:${this.#template.passwords.root}@${this.host}:${this.port}/app`
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  get #folder(): string {
    return join(this.#workspace.path, this.#name)
  }

  get #log(): string {
    return `${this.#folder}.log`
  }

  /** A server that starts empties its folder of temporary tables: with one for all, those of the others' statements are gone. */
  get #temporary(): string {
    return `${this.#folder}.tmp`
  }

  async reset(): Promise<void> {
    for (const folder of [this.#folder, this.#temporary]) {
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder)
    }
    await run('cp', ['-R', '--reflink=auto', '--sparse=always', `${this.#template.data}/.`, this.#folder])
  }

  async start(settings: MysqlSettings, aside = false): Promise<void> {
    if (this.isRunning) return
    const giveUpAt = Date.now() + 60_000
    for (;;) {
      const port = this.#home === 0 || aside ? await findPort() : this.#home
      const trouble = await this.#launch(port, settings, giveUpAt)
      if (trouble === undefined) {
        if (!aside) this.#home = port
        return
      }
      // Another process may hold the port for a moment.
      const passing = /Bind on TCP\/IP port/.test(trouble)
      if (!passing || Date.now() > giveUpAt) throw new Error(`${this.#name} did not start:\n${trouble}`)
      await sleep(20)
    }
  }

  /** One attempt. Returns undefined when the server is ready for connections, else the end of its log. */
  async #launch(port: number, settings: MysqlSettings, giveUpAt: number): Promise<string | undefined> {
    await rm(this.#log, { force: true })
    const log = openSync(this.#log, 'a')
    const [program, ...args] = this.#template.command
    const child = spawn(program, [...args, ...serverArguments({ ...this.#own(port), ...settings })], {
      stdio: ['ignore', log, log],
      detached: true,
    })
    closeSync(log)
    this.#workspace.adopt(child)
    child.unref()
    let reason = ''
    const gone = (): void => {
      if (this.#process === child) this.#process = undefined
    }
    child.once('exit', gone)
    child.once('error', (error) => {
      reason = error.message // it could not be started at all
      gone()
    })
    this.#process = child
    while (this.#process === child) {
      // Asked by way of the log, not of the port: what answers there might be another server.
      if (/ready for connections/.test(await readFile(this.#log, 'utf8'))) {
        this.#port = port
        return undefined
      }
      if (Date.now() > giveUpAt) await this.kill()
      await sleep(10)
    }
    return reason || (await readFile(this.#log, 'utf8')).slice(-2_000)
  }

  #own(port: number): MysqlSettings {
    return {
      datadir: this.#folder,
      tmpdir: this.#temporary,
      socket: join(this.#folder, 'mysqld.sock'),
      pid_file: join(this.#folder, 'mysqld.pid'),
      bind_address: this.host,
      port,
    }
  }

  async stop(): Promise<void> {
    await this.#end((pid) => process.kill(pid, 'SIGTERM'))
  }

  async kill(): Promise<void> {
    await this.#end((pid) => signalTree(pid, 'SIGKILL'))
  }

  async #end(signal: (pid: number) => void): Promise<void> {
    const child = this.#process
    if (child?.pid === undefined) return
    const exit = once(child, 'exit')
    child.ref() // there may be nothing else that this process waits for
    signal(child.pid)
    await exit
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#process?.pid !== undefined) signalTree(this.#process.pid, signal)
  }
}
