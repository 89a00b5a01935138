import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  check,
  type History,
  type Operation,
  type Promises,
  Recorder,
  type Verdict,
  Workload,
  type WorkloadOptions,
} from '../checker/index.ts'
import type { DatabaseNode } from '../clusters.ts'
import { Browser } from './browser.ts'
import type { World } from './world.ts'

/** Whether a request was allowed to fail while something was broken. */
export type Excuse = (operation: Operation) => boolean

export interface LoadOptions extends Partial<WorkloadOptions> {
  readonly seed: number
  /** How many are at work. Default: 20. */
  readonly users?: number
}

/** Users at work in a world, and all that they have seen. */
export class Load {
  readonly recorder: Recorder = new Recorder()
  readonly #world: World
  readonly #users: number
  readonly #prefix: string
  readonly #workload: Workload
  readonly #browsers: Map<string, Browser> = new Map()
  readonly #deaths: number[] = []
  readonly #excuses: { from: number; to: number; excuse: Excuse }[] = []
  /** Drops idle connections before the proxy does that. */
  readonly #agent: Agent = new Agent({ keepAlive: true, timeout: 2_000 })
  #over = false

  constructor(world: World, { users = 20, prefix = 'w', ...options }: LoadOptions) {
    this.#world = world
    this.#users = users
    this.#prefix = prefix
    this.#workload = new Workload({ ...options, prefix, regions: world.lab.regions })
  }

  /** The users work until `fn` is over. */
  async during(fn: () => Promise<void>): Promise<void> {
    this.#over = false
    const stop = (): void => {
      this.#over = true
    }
    const working = Array.from({ length: this.#users }, (_, index) => this.#live(`u${index + 1}`))
    await Promise.all([fn().finally(stop), ...working]).finally(() => this.#agent.destroy())
  }

  async #live(user: string): Promise<void> {
    const browser = this.#browsers.get(user) ?? new Browser((region) => this.#world.lab.url(region), this.#agent)
    this.#browsers.set(user, browser)
    while (!this.#over) {
      const { thinkMs, requests } = this.#workload.next(user)
      await sleep(thinkMs)
      await Promise.all(
        requests.map(async (planned) => {
          await sleep(planned.afterMs ?? 0)
          await this.recorder.record(user, planned, () => browser.send(planned))
        }),
      )
    }
  }

  /** Resolves when so many more requests have been answered. */
  async more(requests: number): Promise<void> {
    const { operations } = this.recorder
    const enough = operations.length + requests
    while (operations.length < enough) await sleep(10)
  }

  /** While `fn` runs, requests may fail in this way. */
  async tolerating<T>(excuse: Excuse, fn: () => Promise<T>): Promise<T> {
    const from = performance.now()
    try {
      return await fn()
    } finally {
      this.#excuses.push({ from, to: performance.now(), excuse })
    }
  }

  /** Kills a primary that will not come back as one. */
  async kill(primary: DatabaseNode): Promise<void> {
    this.#deaths.push(performance.now())
    await primary.kill()
  }

  /** What the checker says of all that has happened. */
  async verdict(promises: Promises = {}): Promise<Verdict & { history: History }> {
    const survivors = await this.#world.survivors(`${this.#prefix}:`)
    const history = this.recorder.history(survivors)
    const verdict = check(history, {
      monotonic: this.#world.options.consistency === 'monotonic',
      deaths: this.#deaths,
      mayFail: (operation) => this.#isExcused(operation),
      ...promises,
    })
    return { ...verdict, history }
  }

  #isExcused(operation: Operation): boolean {
    const { begun, ended } = operation
    return this.#excuses.some(({ from, to, excuse }) => ended >= from && begun <= to && excuse(operation))
  }
}
