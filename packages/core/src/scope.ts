import { AsyncLocalStorage } from 'node:async_hooks'
import type { PrimaryRequiredError, ReplayUnavailableError, ReplayUnavailableReason } from './errors.ts'
import type { Freshness, TokenContent } from './token.ts'

/** How fresh the reads of a scope must be. */
export type Consistency = 'none' | 'read-your-writes' | 'monotonic'

/**
 * What one HTTP request, or one job, has done so far. Every scope inside it shares it.
 *
 * Plain data on purpose: the ES and the CommonJS copy of this package may live in one process, and a record that
 * one of them made is read by the other.
 */
export interface Activity {
  /** `job`: code outside HTTP. */
  readonly kind: 'request' | 'job'
  readonly consistency: Consistency
  /** Why it cannot be replayed, as far as the door knows; undefined while it can. */
  obstacle: ReplayUnavailableReason | undefined
  /** Asked when it matters: whether a body of unknown length has turned out short enough. */
  bodyObstacle?(): ReplayUnavailableReason | undefined
  /** Whether a write that cannot be replayed runs on the primary from here, or is refused. */
  readonly whenReplayUnavailable: 'primary' | 'error'
  /** The first refusal: the door answers with its replay even if somebody catches the error. */
  refusal: PrimaryRequiredError | undefined
  /** The first refusal of what cannot be replayed, where the app asked for an error rather than the primary. */
  unavailable: ReplayUnavailableError | undefined
  /** Writes under way: each of them may be committed although nobody knows yet. */
  writesUnderWay: number
  /** Something was committed, or may have been: this request must not run a second time. */
  committed: boolean
  /** By name of database: the position behind what was written (or, monotonic, read) here. */
  readonly positions: Map<string, Freshness>
  /** Names of the databases that were written here: later reads of them go to the primary as well. */
  readonly written: Set<string>
  /** Asked to take a position behind every statement: the write that brought the request here cannot be told from its text. */
  readonly everyStatement: boolean
  /** The answer's headers are gone: a position that is taken now cannot reach the client any more. */
  headersSent: boolean
  /** The primary could not be reached: the door answers 503 if the app's own answer is a failure. */
  primaryUnreachable: unknown
  readonly signal: AbortSignal | undefined
}

/** Where the code that runs now may talk to, and how fresh its reads must be. */
export interface Scope {
  readonly activity: Activity
  /** Inside `runOnPrimary`. */
  readonly onPrimary: boolean
  /** What the reads must see: all of these, each by name of database. */
  readonly needs: readonly TokenContent[]
}

interface Shared {
  readonly storage: AsyncLocalStorage<Scope>
}

// All copies of the package in one process share one storage, or a pool of the one would not see the door of the other.
const key = Symbol.for('flyroute.scope.v1')
const globals = globalThis as { [key]?: Shared }
globals[key] ??= { storage: new AsyncLocalStorage<Scope>() }
const storage = globals[key].storage
const noNeeds: Scope['needs'] = []

/** The scope of the code that runs now; undefined outside of any request or job. */
export function currentScope(): Scope | undefined {
  return storage.getStore()
}

/** Runs `fn` in the scope; what it starts (timers, promises, streams that it makes) runs there as well. */
export function runInScope<T>(scope: Scope | undefined, fn: () => T): T {
  // Entering a scope makes a frame of its own: not where it would be the same one.
  return storage.getStore() === scope ? fn() : storage.run(scope as Scope, fn)
}

/** What a request or a job starts with. */
export function createActivity(kind: Activity['kind'], options: Partial<Activity> = {}): Activity {
  return {
    kind,
    consistency: options.consistency ?? 'read-your-writes',
    obstacle: options.obstacle,
    whenReplayUnavailable: options.whenReplayUnavailable ?? 'primary',
    refusal: undefined,
    unavailable: undefined,
    writesUnderWay: 0,
    committed: false,
    positions: new Map(),
    written: new Set(),
    everyStatement: options.everyStatement ?? false,
    headersSent: false,
    primaryUnreachable: undefined,
    signal: options.signal,
  }
}

/** Why the request can no longer be replayed; undefined while it can. */
export function notReplayable(activity: Activity): ReplayUnavailableReason | undefined {
  if (activity.kind === 'job') return 'outside-request'
  if (activity.committed || activity.writesUnderWay > 0) return 'already-written'
  return activity.obstacle ?? (activity.headersSent ? 'response-begun' : activity.bodyObstacle?.())
}

/** A scope of a new request or job. */
export function createScope(activity: Activity, needs?: TokenContent): Scope {
  return { activity, onPrimary: false, needs: needs === undefined || needs.size === 0 ? noNeeds : [needs] }
}

/**
 * Runs `fn` now, with every statement in it on the primary: for what must not be replayed (jobs, webhooks, a write
 * after the answer has begun) and for reads that must see the present. In the primary's own region it changes nothing.
 *
 * A write in it counts as one: the request it belongs to is not replayed any more.
 *
 * @example
 * await runOnPrimary(() => pool.query('insert into audit (what) values ($1)', ['login']))
 */
export function runOnPrimary<T>(fn: () => T): T {
  const outer = currentScope()
  const activity = outer?.activity ?? createActivity('job')
  return begin({ activity, onPrimary: true, needs: outer?.needs ?? noNeeds }, fn)
}

/** Runs `fn` now, in a scope whose reads need what the content says on top of what the outer scope needs. */
export function runWithNeeds<T>(content: TokenContent, fn: () => T): T {
  const outer = currentScope()
  const activity = outer?.activity ?? createActivity('job')
  const needs = content.size === 0 ? (outer?.needs ?? noNeeds) : [...(outer?.needs ?? noNeeds), content]
  return begin({ activity, onPrimary: outer?.onPrimary ?? false, needs }, fn)
}

/**
 * Runs `fn` in the scope. What it gives may be a query that begins when it is awaited (Drizzle's, Knex's and Prisma's do):
 * that happens outside of `fn`, and belongs to its scope all the same.
 */
function begin<T>(scope: Scope, fn: () => T): T {
  const result = runInScope(scope, fn)
  if (typeof result !== 'object' || result === null || result instanceof Promise) return result
  const then: unknown = Reflect.get(result, 'then')
  if (typeof then !== 'function') return result
  const value = (...args: unknown[]): unknown => runInScope(scope, () => Reflect.apply(then, result, args))
  Reflect.defineProperty(result, 'then', { value, configurable: true, writable: true })
  return result
}
