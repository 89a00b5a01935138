import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findPort } from '../ports.ts'
import { signalTree } from '../process-tree.ts'
import type { Workspace } from '../workspace.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import type { PostgresData } from './postgres-data.ts'

const startTimeoutMs = 30_000

/** The processes of one Postgres server. */
export class PostgresServer {
  readonly data: PostgresData
  readonly #name: string
  readonly #workspace: Workspace
  readonly #binaries: PostgresBinaries
  readonly #onEnd: () => void
  #port = 0
  #process: ChildProcess | undefined

  /** @param onEnd called when the server has ended, for whatever reason */
  constructor(name: string, data: PostgresData, workspace: Workspace, binaries: PostgresBinaries, onEnd: () => void) {
    this.data = data
    this.#name = name
    this.#workspace = workspace
    this.#binaries = binaries
    this.#onEnd = onEnd
  }

  /** Its port on 127.0.0.1, the same after each start. */
  get port(): number {
    return this.#port
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  /** Resolves when it answers queries. @throws Error with the end of its log */
  async start(): Promise<void> {
    const giveUpAt = Date.now() + startTimeoutMs
    while (!this.isRunning) {
      const port = this.#port === 0 ? await findPort() : this.#port
      const trouble = await this.#launch(port, giveUpAt)
      if (trouble === undefined) {
        this.#port = port
        return
      }
      // Another process may hold the port, and those of a killed server the memory, for a moment longer.
      const passing = /could not bind|pre-existing shared memory block/.test(trouble)
      if (!passing || Date.now() > giveUpAt) throw new Error(`${this.#name} did not start:\n${trouble}`)
      await sleep(20)
    }
  }

  /** One attempt. Returns undefined when the server answers, else what it said last. */
  async #launch(port: number, giveUpAt: number): Promise<string | undefined> {
    const logFile = `${this.data.path}.log`
    await rm(logFile, { force: true })
    const log = openSync(logFile, 'a')
    const options = ['-D', this.data.path, '-p', String(port), '-c', `cluster_name=${this.#name}`]
    const settings: SpawnOptions = { ...this.#binaries.identity, stdio: ['ignore', log, log], detached: true }
    const child = spawn(this.#binaries.postgres, options, settings)
    closeSync(log)
    this.#workspace.adopt(child)
    child.unref()
    let failure = ''
    child.once('error', (error) => {
      failure = error.message
      this.#ended(child)
    })
    child.once('exit', () => this.#ended(child))
    this.#process = child
    while (this.#process === child) {
      if (await this.#isReady(child.pid)) return undefined
      if (Date.now() > giveUpAt) await this.kill()
      await sleep(5)
    }
    return failure + (await readFile(logFile, 'utf8')).slice(-2_000)
  }

  /** The server writes its state into line 8 of its pid file: what pg_ctl waits for, without a connection. */
  async #isReady(pid: number | undefined): Promise<boolean> {
    const text = await readFile(join(this.data.path, 'postmaster.pid'), 'utf8').catch(() => '')
    const lines = text.split('\n').map((line) => line.trim())
    return lines[0] === String(pid) && (lines[7] === 'ready' || lines[7] === 'standby')
  }

  #ended(child: ChildProcess): void {
    if (this.#process !== child) return
    this.#process = undefined
    this.#onEnd()
  }

  async kill(): Promise<void> {
    await this.#end((pid) => {
      signalTree(pid, 'SIGSTOP') // so that nothing is forked in between
      signalTree(pid, 'SIGKILL')
    })
  }

  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    await this.#end((pid) => {
      process.kill(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
      signalTree(pid, 'SIGCONT') // a paused one could not obey
    })
  }

  async #end(signal: (pid: number) => void): Promise<void> {
    const child = this.#process
    if (child?.pid === undefined) return
    const exit = once(child, 'exit')
    child.ref()
    signal(child.pid)
    await exit
  }

  /** To all its processes. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#process?.pid !== undefined) signalTree(this.#process.pid, signal)
  }
}
