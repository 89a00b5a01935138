import { EventEmitter, on } from 'node:events'

/** One request at one edge, and every Machine that saw it. */
export interface JournalEntry {
  /** As in the header `Fly-Request-Id`. */
  readonly id: string
  /** Region of the edge that accepted it. */
  readonly edge: string
  readonly method: string
  readonly path: string
  readonly startedAt: Date
  readonly hops: readonly Hop[]
  /** Status of the answer that the client got; undefined where it got none. */
  readonly status: number | undefined
  /** Why the proxy answered itself, or there was no answer: `no_candidate`, `body_too_large`, `client_aborted`, … */
  readonly error: string | undefined
  /** From the first byte of the request to the last of the answer. */
  readonly milliseconds: number
  readonly requestBytes: number
  readonly responseBytes: number
}

/** One attempt to have a request answered by a Machine. */
export interface Hop {
  /** Why it came here: by the edge's own choice, or sent by another Machine, by the replay cache, or back by a fallback. */
  readonly kind: 'direct' | 'replay' | 'cached' | 'fallback'
  readonly app: string
  readonly region: string
  readonly machine: string
  /** Undefined where the Machine did not answer. */
  readonly status?: number
  /** How it went where the Machine did not answer: `refused`, `timeout`, `lost`, `aborted`. */
  readonly failure?: string
  /** Whether the answer asked for a replay. */
  readonly replays: boolean
  /** What the app said about it: its header `flyroute-debug`, else the `state` of its replay. */
  readonly why?: string
  /** Until the head of its answer, or the failure. */
  readonly milliseconds: number
}

/** What went through the proxy, the oldest first. Iterates over what comes, without end. */
export class Journal implements AsyncIterable<JournalEntry> {
  readonly #entries: JournalEntry[] = []
  readonly #capacity: number
  readonly #events = new EventEmitter<{ entry: [JournalEntry] }>()

  /** @param capacity number of entries that are kept; the oldest go first */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get entries(): readonly JournalEntry[] {
    return this.#entries
  }

  /** Forgets what was. */
  clear(): void {
    this.#entries.length = 0
  }

  /** Calls back with each request that is over. Returns what ends that. */
  onEntry(listener: (entry: JournalEntry) => void): () => void {
    this.#events.on('entry', listener)
    return () => this.#events.off('entry', listener)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JournalEntry> {
    for await (const [entry] of on(this.#events, 'entry')) yield entry as JournalEntry
  }

  add(entry: JournalEntry): void {
    this.#entries.push(entry)
    if (this.#entries.length > this.#capacity) this.#entries.shift()
    this.#events.emit('entry', entry)
  }
}
