import type { BareConnection } from './driver-types.ts'

/** How long (ms) connections may last; undefined: for ever. */
export interface LivesOptions {
  readonly lifetimeMs?: number | undefined
  readonly idleMs?: number | undefined
}

/**
 * How long each connection of a pool has been there, and idle: what is over is closed as soon as it is not in use. The driver
 * itself knows no lifetime, and looks for idle connections only in pools that may keep fewer than they may have.
 */
export class Lives {
  readonly #options: LivesOptions
  readonly #old: WeakSet<BareConnection> = new WeakSet()
  readonly #idle: Map<BareConnection, NodeJS.Timeout | undefined> = new Map()

  constructor(options: LivesOptions) {
    this.#options = options
  }

  /** A connection was made. */
  begins(connection: BareConnection): void {
    const { lifetimeMs } = this.#options
    const isOver = (): void => {
      this.#old.add(connection)
      if (this.#idle.has(connection)) connection.destroy()
    }
    const age = lifetimeMs === undefined ? undefined : setTimeout(isOver, lifetimeMs)
    age?.unref()
    connection.stream.once('close', () => {
      clearTimeout(age)
      this.wakes(connection)
    })
  }

  /** It was given back, and is not used at once. */
  rests(connection: BareConnection): void {
    const { idleMs } = this.#options
    const timer = idleMs === undefined ? undefined : setTimeout(() => connection.destroy(), idleMs)
    timer?.unref()
    this.#idle.set(connection, timer)
  }

  /** It is used again, or gone. */
  wakes(connection: BareConnection): void {
    clearTimeout(this.#idle.get(connection))
    this.#idle.delete(connection)
  }

  /** Whether it is to be closed in place of being given back. */
  isOver(connection: BareConnection): boolean {
    return this.#old.has(connection)
  }

  /** The connections that are not in use. */
  get resting(): Iterable<BareConnection> {
    return this.#idle.keys()
  }
}
