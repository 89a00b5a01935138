import { Random } from './random.ts'

/**
 * What a request of the workload is. The app under test answers each at `/<name>?key=…&id=…`; the ids are those of the
 * writes that the request asks for, in its order.
 */
export type RequestName =
  /** GET: reads a register. */
  | 'read'
  /** GET: reads a list. */
  | 'read-list'
  /** POST: writes a register. */
  | 'write'
  /** POST: appends to a list. */
  | 'append'
  /** GET: writes a register. */
  | 'write-by-get'
  /** POST: reads and writes a register in one transaction. */
  | 'transaction'
  /** GET: a transaction that reads before it writes. */
  | 'transaction-by-get'
  /** POST: a write whose commit does not wait for the disk. */
  | 'write-asynchronously'
  /** POST: a write whose answer takes its time, so that others overtake it. */
  | 'write-slowly'
  /** GET: writes, then reads what it wrote, in `runOnPrimary`. */
  | 'write-on-primary'
  /** GET: writes in `runOnPrimary`, then a second time outside of it. */
  | 'write-twice'
  /** GET: writes, and a little later a second time in a branch that goes on by itself. */
  | 'write-in-parallel'
  /** GET: has a function write on the primary, then writes by itself. */
  | 'write-by-function'
  /** GET: begins a write, reads something else, and only then waits for it. */
  | 'write-awaited-late'
  /** GET: writes a register in each of two databases, side by side. */
  | 'write-in-two'
  /** GET: reads a register of the second database. */
  | 'read-other'
  /** GET: begins its answer, then writes. */
  | 'write-late'

export interface PlannedRequest {
  readonly name: RequestName
  readonly method: 'GET' | 'POST'
  readonly region: string
  readonly key: string
  /** One for each write. */
  readonly ids: readonly string[]
  /** The rows of those writes, where they are not all of `key`; `key` is the first one. */
  readonly keys?: readonly string[]
  /** How long after the others of its round it is sent (ms). */
  readonly afterMs?: number
}

/** What a user does next: pause, then send some requests without waiting for each other's answers. */
export interface Round {
  readonly thinkMs: number
  readonly requests: readonly PlannedRequest[]
}

export interface WorkloadOptions {
  readonly seed: number
  readonly regions: readonly string[]
  /** Begins all keys and ids, so that two workloads may share a database. Default: `w`. */
  readonly prefix?: string
  /** Pause of a user between two rounds (ms), at most. Default: 100. */
  readonly thinkMs?: number
  /** How likely a round moves its user to another region. Default: 0.1. */
  readonly roaming?: number
  /** How likely a round is several requests, within a fifth of a second. Default: 0.15. */
  readonly parallel?: number
  /** How many registers, and how many lists, a user has alone. Default: 2. */
  readonly ownRows?: number
  /** How likely a request is about a row that all users share. Default: 0.25. */
  readonly sharing?: number
  /** How often each sort of request occurs, relative to the others. */
  readonly weights?: Partial<Readonly<Record<RequestName, number>>>
}

const defaultWeights: Readonly<Record<RequestName, number>> = {
  read: 36,
  'read-list': 22,
  write: 11,
  append: 9,
  'write-by-get': 5,
  transaction: 4,
  'transaction-by-get': 3,
  'write-asynchronously': 3,
  'write-slowly': 2,
  'write-on-primary': 2,
  'write-twice': 2,
  'write-in-parallel': 2,
  'write-by-function': 2,
  'write-awaited-late': 2,
  'write-in-two': 2,
  'read-other': 3,
  'write-late': 1,
}

const posts: ReadonlySet<RequestName> = new Set([
  'write',
  'append',
  'transaction',
  'write-asynchronously',
  'write-slowly',
])
const twice: ReadonlySet<RequestName> = new Set([
  'write-twice',
  'write-in-parallel',
  'write-by-function',
  'write-in-two',
])
const reads: ReadonlySet<RequestName> = new Set(['read', 'read-list', 'read-other'])
const sharedRows = 6
/** As long as two ways across an ocean: so answers overtake each other. */
const longestDelayMs = 200

/** Plans what users do: the same for the same seed, whatever comes of it. */
export class Workload {
  readonly #options: Required<WorkloadOptions>
  readonly #random: Random
  readonly #weights: Readonly<Record<RequestName, number>>
  readonly #whereabouts: Map<string, string> = new Map()
  #writes = 0

  constructor(options: WorkloadOptions) {
    this.#options = {
      prefix: 'w',
      thinkMs: 100,
      roaming: 0.1,
      parallel: 0.15,
      ownRows: 2,
      sharing: 0.25,
      weights: {},
      ...options,
    }
    this.#random = new Random(options.seed)
    this.#weights = { ...defaultWeights, ...options.weights }
  }

  /** What the user does next. */
  next(user: string): Round {
    const random = this.#random
    const { regions, thinkMs, roaming, parallel } = this.#options
    const region = random.chance(roaming) ? random.pick(regions) : (this.#whereabouts.get(user) ?? random.pick(regions))
    this.#whereabouts.set(user, region)
    const count = random.chance(parallel) ? random.between(2, 4) : 1
    return {
      thinkMs: random.between(0, thinkMs),
      requests: Array.from({ length: count }, (_, index) => {
        const afterMs = index === 0 ? 0 : random.between(0, longestDelayMs)
        return { ...this.#request(user, region), afterMs }
      }),
    }
  }

  #request(user: string, region: string): PlannedRequest {
    const name = this.#random.weighted(this.#weights)
    const kind = name === 'append' || name === 'read-list' ? 'list' : name === 'read-other' ? 'other' : 'register'
    // Mostly one's own rows, since only those must be fresh; some that others write as well.
    const { ownRows, sharing } = this.#options
    const owner = this.#random.chance(sharing)
      ? `shared-${this.#random.between(1, sharedRows)}`
      : `${user}-${this.#random.between(1, ownRows)}`
    const writes = reads.has(name) ? 0 : twice.has(name) ? 2 : 1
    const keyOf = (sort: string): string => `${this.#options.prefix}:${sort}:${owner}`
    return {
      name,
      method: posts.has(name) ? 'POST' : 'GET',
      region,
      key: keyOf(kind),
      ...(name === 'write-in-two' ? { keys: [keyOf(kind), keyOf('other')] } : {}),
      ids: Array.from({ length: writes }, () => `${this.#options.prefix}${++this.#writes}`),
    }
  }
}
