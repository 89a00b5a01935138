import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { findPort } from '../ports.ts'
import { signalTree } from '../process-tree.ts'
import type { Workspace } from '../workspace.ts'
import { LastLines, type OutputLine, readLines } from './output.ts'

/** What a Machine is given to run. */
export interface MachineOptions {
  readonly app: string
  readonly region: string
  /** Program and arguments. */
  readonly command: readonly string[]
  readonly cwd: string
  /** The whole environment, for a Machine of this number and port. */
  environment(machine: Machine): Promise<Record<string, string>>
  readonly workspace: Workspace
  readonly output: (line: OutputLine) => void
  /** Time until its port must answer. */
  readonly readyTimeoutMs: number
}

/** One copy of the app in one region: a child process, called by the name that Fly.io gives it. */
export class Machine {
  /** 14 hexadecimal digits, as Fly.io's. */
  readonly id: string = randomBytes(7).toString('hex')
  readonly #options: MachineOptions
  #port = 0
  #process: ChildProcess | undefined
  #lines = new LastLines()
  #isListed = false

  constructor(options: MachineOptions) {
    this.#options = options
  }

  get app(): string {
    return this.#options.app
  }

  get region(): string {
    return this.#options.region
  }

  /** Where the app listens, on 127.0.0.1. */
  get port(): number {
    return this.#port
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Whether the proxy takes it for a Machine that runs. */
  get isListed(): boolean {
    return this.#isListed
  }

  /**
   * Starts the app and waits until its port answers.
   * @throws Error with its last lines where it ends before that, or the time is over
   */
  async start(): Promise<void> {
    if (this.#process) return
    const { command, cwd, workspace, readyTimeoutMs } = this.#options
    this.#port ||= await findPort()
    this.#lines = new LastLines()
    const [program = '', ...args] = command
    const env = await this.#options.environment(this)
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    child.once('error', (error) => this.#lines.add(error.message))
    this.#process = child
    workspace.adopt(child)
    readLines(child, (stream, text) => this.#say(stream, text))
    child.once('close', () => this.#ended(child))
    const giveUpAt = Date.now() + readyTimeoutMs
    while (!(await this.#answers())) {
      if (this.#process !== child)
        throw this.#trouble(`ended with ${child.signalCode ?? child.exitCode} before it listened`)
      if (Date.now() > giveUpAt) {
        await this.kill()
        throw this.#trouble(`does not listen on PORT=${this.#port} after ${readyTimeoutMs} ms`)
      }
      await sleep(10)
    }
    this.#isListed = true
  }

  #say(stream: OutputLine['stream'], text: string): void {
    this.#lines.add(text)
    this.#options.output({ app: this.app, region: this.region, machine: this.id, stream, text })
  }

  #ended(child: ChildProcess): void {
    if (this.#process !== child) return
    if (this.#isListed) this.#say('stderr', `[flyroute lab] ended with ${child.signalCode ?? child.exitCode}`)
    this.#process = undefined
    this.#isListed = false
  }

  async #answers(): Promise<boolean> {
    const socket = connect(this.#port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return true
    } catch {
      return false
    } finally {
      socket.destroy()
    }
  }

  #trouble(what: string): Error {
    const command = this.#options.command.join(' ')
    return new Error(`${this.app} in ${this.region} (${command}) ${what}${this.#lines.text}`)
  }

  /**
   * SIGKILL to the app and all processes it started.
   * @param noticed whether the proxy knows at once; else it finds that the connection is refused
   */
  async kill({ noticed = true }: { noticed?: boolean } = {}): Promise<void> {
    const child = this.#process
    if (child?.pid === undefined) return
    const closed = once(child, 'close')
    this.#isListed = false
    signalTree(child.pid, 'SIGSTOP') // so that nothing is forked in between
    signalTree(child.pid, 'SIGKILL')
    await closed
    // Its descendants may take a moment longer to let go of the port.
    for (let tries = 0; tries < 100 && (await this.#answers()); tries += 1) await sleep(10)
    this.#isListed = !noticed
  }

  /** SIGSTOP to the app and its processes: connections are accepted by the system and get no answer. */
  pause(): void {
    if (this.pid !== undefined) signalTree(this.pid, 'SIGSTOP')
  }

  resume(): void {
    if (this.pid !== undefined) signalTree(this.pid, 'SIGCONT')
  }
}
