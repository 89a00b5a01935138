import type { Tally } from '../advice/tally.ts'
import { belongsTo } from '../errors/owner.ts'
import type { PrimaryRequiredError, ReplayUnavailableError, ReplayUnavailableReason } from '../errors.ts'
import type { Freshness } from '../token.ts'
import type { Crossings } from './crossings.ts'
import { type HeldConnection, Holdings } from './held.ts'
import { throwUnhandled } from './unhandled.ts'

/** How fresh the reads of a scope must be. */
export type Consistency = 'none' | 'read-your-writes' | 'monotonic'

/**
 * How a write has ended. `failed`: the server answered that it did not happen; `unknown`: no answer came, so that it may
 * have happened; `unsent`: nothing was sent, the intent is withdrawn.
 */
export type WriteOutcome = 'done' | 'failed' | 'unknown' | 'unsent'

/** What all requests of an app have in common: the options of its policy. */
export interface RequestSettings {
  readonly consistency?: Consistency | undefined
  /** How long (ms) a statement waits at most for a replica that is behind what its reader must see. */
  readonly waitTimeoutMs?: number | undefined
  /** Whether a write that cannot be replayed runs on the primary from here, or is refused. */
  readonly whenReplayUnavailable?: 'primary' | 'error' | undefined
  /** The longest body (bytes) that can be replayed. */
  readonly maxReplayBodyBytes?: number | undefined
  /** The databases of the app; the first one is meant where none is named. */
  readonly databases?: readonly PrimarySeeker[] | undefined
}

/** A database, as far as it can be asked for the way to its primary. */
export interface PrimarySeeker {
  readonly name: string
  readonly topology: { readonly role: 'primary' | 'replica' }
  readonly router: { toPrimary(reason: 'write', detail: string, scope: unknown): unknown }
}

/** The request itself. Asked for what costs something only when that is needed. */
export interface RequestSource {
  readonly signal?: AbortSignal | undefined
  /** Its body, where no header tells how long it is. */
  readonly body?: { readonly bytes: number; readonly complete: boolean } | undefined
  /** The headers of its answer have left already. */
  readonly answerBegun?: boolean | undefined
}

/** How long (ms) is waited for a replica by default: in a request, and in a job, for which no client waits. */
export const requestWaitMs = 1_000
const jobWaitMs = 5_000

const phases = { running: 0, replayed: 1, answering: 2 } as const

/** How long (ms) a handler has to answer by itself after an error of its request that no code handled. */
const answerMs = 100
/** How long (ms) it has after a refusal that its code has handled: where no other error is met, it may have no answer for one. */
const patienceMs = 5_000

const noSource: RequestSource = {}
const noSettings: RequestSettings = {}

/**
 * The life of one HTTP request, or of one job: the one place that knows whether it may still be replayed, and whether
 * what it does may still reach a server. Every scope inside it shares it.
 *
 *     running ──→ refused ──→ replayed
 *        └───────────┴──────→ answering
 *
 * A record of one copy of the package (ES or CommonJS) works with the code of the other, because its methods travel with it.
 * One is made for every request, so that what few of them need is made when it is needed.
 */
export class RequestState {
  /** `job`: code outside HTTP. */
  readonly kind: 'request' | 'job'
  readonly consistency: Consistency
  /** How long (ms) a statement waits at most for a replica that is behind what its reader must see. */
  readonly waitTimeoutMs: number
  /** Asked to take a position after every statement: the write that brought the request here cannot be told from its text. */
  readonly captureAfterEveryStatement: boolean
  /** The primary could not be reached: the middleware answers 503 if the app's own answer is a failure. */
  primaryUnreachable: unknown = undefined
  /** The first refusal of what cannot be replayed, where the app asked for an error rather than the primary. */
  unavailable: ReplayUnavailableError | undefined = undefined
  /** Its replay may have run: it is served for what it reads, and this is what its writes are refused with. */
  readsOnly: ReplayUnavailableError | undefined = undefined
  /** Why it cannot be replayed, as far as the middleware knows; undefined while it can. */
  obstacle: ReplayUnavailableReason | undefined
  /** Counted where no server is near and the request may be replayed for that; undefined where its reads go where they go. */
  crossings: Crossings | undefined = undefined
  /** Counts what it does, where that is asked for (`FLYROUTE_ADVISE`). */
  tally: Tally | undefined = undefined
  #phase: (typeof phases)[keyof typeof phases] = phases.running
  #writesUnderWay = 0
  #committed = false
  #refusal: PrimaryRequiredError | undefined = undefined
  #positions: Map<string, Freshness> | undefined = undefined
  #written: Set<string> | undefined = undefined
  #held: Holdings | undefined = undefined
  #unhandled: Set<unknown> | undefined = undefined
  #overdue: NodeJS.Timeout | undefined = undefined
  /** Asked once something of it would go to the primary because it cannot be replayed; undefined where that needs no leave. */
  leave: (() => boolean) | undefined = undefined
  /** Answers in place of a handler that has not ended. Set by the middleware. */
  answerNow: (() => void) | undefined = undefined
  readonly #whenReplayUnavailable: 'primary' | 'error'
  /** The database that is meant where none is named; undefined for a job. */
  readonly main: PrimarySeeker | undefined
  readonly #source: RequestSource
  readonly #maxReplayBodyBytes: number

  constructor(
    kind: RequestState['kind'],
    settings: RequestSettings = noSettings,
    source: RequestSource = noSource,
    obstacle?: ReplayUnavailableReason,
    captureAfterEveryStatement = false,
  ) {
    this.kind = kind
    this.consistency = settings.consistency ?? 'read-your-writes'
    this.waitTimeoutMs = settings.waitTimeoutMs ?? (kind === 'job' ? jobWaitMs : requestWaitMs)
    this.#whenReplayUnavailable = settings.whenReplayUnavailable ?? 'primary'
    this.captureAfterEveryStatement = captureAfterEveryStatement
    this.obstacle = obstacle
    this.main = settings.databases?.[0]
    this.#source = source
    this.#maxReplayBodyBytes = settings.maxReplayBodyBytes ?? Number.POSITIVE_INFINITY
    if (source.answerBegun) this.#phase = phases.answering
  }

  /** Aborts when the client goes away. */
  get signal(): AbortSignal | undefined {
    return this.#source.signal
  }

  /** Whether a write that cannot be replayed runs on the primary from here, or is refused. */
  get whenReplayUnavailable(): 'primary' | 'error' {
    return this.leave === undefined || this.leave() ? this.#whenReplayUnavailable : 'error'
  }

  /** By name of database: the position after what was written (or, monotonic, read) here. */
  get positions(): Map<string, Freshness> {
    this.#positions ??= new Map()
    return this.#positions
  }

  /** The position of one database, where there is one. The same as `positions.get`, and makes nothing. */
  positionOf(database: string): Freshness | undefined {
    return this.#positions?.get(database)
  }

  /** Names of the databases that were written here: later reads of them go to the primary as well. */
  get written(): Set<string> {
    this.#written ??= new Set()
    return this.#written
  }

  /** Whether this database was written here. The same as `written.has`, and makes nothing. */
  hasWritten(database: string): boolean {
    return this.#written !== undefined && this.#written.has(database)
  }

  /** Whether nothing keeps its reads from any replica: it has written nothing here, and is not replayed. Asked on every plain read. */
  get readsAnywhere(): boolean {
    return this.#phase !== phases.replayed && (this.#written === undefined || this.#written.size === 0)
  }

  /** Writes under way: each of them may be committed although no answer has told so yet. */
  get writesUnderWay(): number {
    return this.#writesUnderWay
  }

  /** Something was committed, or may have been: this request must not run a second time. */
  get committed(): boolean {
    return this.#committed
  }

  /** The replay has been answered, and that is final: nothing of this request reaches a server any more, through any adapter. */
  get isReplayed(): boolean {
    return this.#phase === phases.replayed
  }

  /** The answer's headers are gone: a position that is taken now cannot reach the client any more. */
  get isAnswering(): boolean {
    return this.#phase === phases.answering
  }

  /**
   * The first refusal. While it stands the request is going to be replayed, so no write of it may begin: what is bound for a
   * primary is refused with it as well. An answer that has begun ends it.
   */
  get refusal(): PrimaryRequiredError | undefined {
    return this.#phase === phases.answering ? undefined : this.#refusal
  }

  /** What a write of it is refused with; undefined while it may write. */
  get whyNoWrite(): Error | undefined {
    return this.refusal ?? this.readsOnly
  }

  /** Why a refusal now could not have the request replayed; undefined while it can. */
  whyNotReplayable(): ReplayUnavailableReason | undefined {
    if (this.kind === 'job') return 'outside-request'
    if (this.#committed || this.#writesUnderWay > 0) return 'already-written'
    if (this.obstacle !== undefined) return this.obstacle
    // Asked anew each time: other code may have answered beside the middleware.
    return this.isAnswering || this.#source.answerBegun ? 'response-begun' : this.#bodyObstacle()
  }

  #bodyObstacle(): ReplayUnavailableReason | undefined {
    const { body } = this.#source
    // A body that has not ended may yet turn out too long for the proxy.
    return body === undefined || (body.complete && body.bytes <= this.#maxReplayBodyBytes)
      ? undefined
      : 'body-too-large'
  }

  /** Remembers that a statement was refused, so that the request is replayed even if the app swallows the error. The first one counts. */
  refuse(error: PrimaryRequiredError): void {
    if (this.#refusal === undefined && this.whyNotReplayable() === undefined) {
      this.#refusal = error
      this.#answerWithin(patienceMs)
    }
    belongsTo(error, this)
  }

  #answerWithin(ms: number): void {
    clearTimeout(this.#overdue)
    this.#overdue = setTimeout(() => {
      if (this.#isDue) this.answerNow?.()
    }, ms)
    this.#overdue.unref?.()
  }

  /**
   * An error of its refusal was handled by no code of the app. While the request is going to be replayed that is all there is to
   * it; should it be answered otherwise after all, the error is thrown again.
   *
   * It may have been the code that would have answered: a callback that throws, a handler whose framework loses its promise. Then
   * the middleware answers by itself. It waits for a handler that goes on, since what that has begun would never settle.
   *
   * @returns whether the replay does what has failed with it
   */
  makesUpFor(error: unknown): boolean {
    if (this.isReplayed) return true
    if (!this.#isDue) return false
    if (this.#unhandled === undefined) {
      this.#unhandled = new Set()
      this.#answerWithin(answerMs)
    }
    this.#unhandled.add(error)
    return true
  }

  /** Whether it was answered with a replay, or is going to be: what fails in it until then is done there. */
  get willBeReplayed(): boolean {
    return this.isReplayed || this.#isDue
  }

  /** It was refused something, and nothing keeps it from being replayed. */
  get #isDue(): boolean {
    const isOpen = this.#phase === phases.running
    return isOpen && this.#refusal !== undefined && this.whyNotReplayable() === undefined
  }

  /**
   * Registers a write that goes to a primary, in the same synchronous step that decides so.
   *
   * @returns false where the request is going to be replayed, has been, or may have run: then it must not be sent, see `whyNoWrite`.
   * Always true for a job.
   */
  beginWrite(database: string): boolean {
    if (this.#phase === phases.replayed) return false
    if (this.whyNoWrite !== undefined) {
      this.unavailable ??= this.readsOnly
      return false
    }
    this.#writesUnderWay++
    this.written.add(database)
    return true
  }

  /** The write that was begun has ended. */
  endWrite(_database: string, outcome: WriteOutcome): void {
    if (this.#writesUnderWay > 0) this.#writesUnderWay--
    if (outcome === 'done' || outcome === 'unknown') this.#committed = true
  }

  /** A statement that was taken for a read has written, as its answer tells. */
  noteCommit(database: string): void {
    this.#committed = true
    this.written.add(database)
  }

  /** A connection is checked out for this request. */
  hold(connection: HeldConnection): void {
    this.#held ??= new Holdings()
    this.#held.add(connection)
    // It was being given out while the replay was answered.
    if (this.isReplayed) this.#held.reclaimLater()
  }

  /** The app has given it back. */
  release(connection: HeldConnection): void {
    this.#held?.delete(connection)
  }

  /**
   * The middleware is about to answer with a replay.
   *
   * @returns false where the request can no longer be replayed. True is final, see `isReplayed`.
   */
  answerReplay(): boolean {
    if (this.#phase === phases.replayed) return true
    if (this.whyNotReplayable() !== undefined) return false
    this.#phase = phases.replayed
    this.#unhandled = undefined
    clearTimeout(this.#overdue)
    this.#held?.reclaimSoon()
    return true
  }

  /** The headers of the app's own answer are on their way: from now on nothing can be replayed, and no token can be added. */
  answerBegins(): void {
    if (this.#phase === phases.running) this.#phase = phases.answering
    clearTimeout(this.#overdue)
    if (this.#unhandled === undefined) return
    for (const error of this.#unhandled) throwUnhandled(error)
    this.#unhandled = undefined
  }
}

/** The state of a request or a job, with everything by name: for tests, and for code that makes few of them. */
export function createRequestState(
  kind: RequestState['kind'],
  options: RequestSettings &
    RequestSource & {
      readonly obstacle?: ReplayUnavailableReason | undefined
      readonly captureAfterEveryStatement?: boolean | undefined
    } = {},
): RequestState {
  return new RequestState(kind, options, options, options.obstacle, options.captureAfterEveryStatement)
}
