import { AsyncLocalStorage } from 'node:async_hooks'
import type { TokenContent } from '../token.ts'
import { type Consistency, RequestState } from './state.ts'

export const consistencies: readonly Consistency[] = ['none', 'read-your-writes', 'monotonic']

/** Where the code that runs now may talk to, and how fresh its reads must be. */
export interface Scope {
  readonly request: RequestState
  /** Inside `runOnPrimary`. */
  readonly onPrimary: boolean
  /** What the reads must see: all of these, each by name of database. */
  readonly needs: readonly TokenContent[]
  /** How fresh reads are from here on; without `runWithConsistency`, as the request says. */
  readonly consistency: Consistency
}

/**
 * A class, and no literal: V8 may pretenure objects from the site of a literal, because the first ones have lived long; and
 * then all that they lead to (the request, its queries, their rows) gets old with them.
 */
class ScopeRecord implements Scope {
  readonly request: RequestState
  readonly onPrimary: boolean
  readonly needs: readonly TokenContent[]
  readonly consistency: Consistency

  constructor(request: RequestState, onPrimary: boolean, needs: readonly TokenContent[], consistency: Consistency) {
    this.request = request
    this.onPrimary = onPrimary
    this.needs = needs
    this.consistency = consistency
  }
}

interface Shared {
  readonly storage: AsyncLocalStorage<Scope>
}

// All copies of the package in one process share one storage, or a pool of the one would not see the request of the other.
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

/** The same scope with all of its statements on the primary. */
export function onPrimary({ request, needs, consistency }: Scope): Scope {
  return new ScopeRecord(request, true, needs, consistency)
}

/** A scope of a new request or job. */
export function createScope(request: RequestState, needs?: TokenContent): Scope {
  const all = needs === undefined || needs.size === 0 ? noNeeds : [needs]
  return new ScopeRecord(request, false, all, request.consistency)
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
  return begin(onPrimary(outerScope()), fn)
}

/** Runs `fn` now, in a scope whose reads need what the content says on top of what the outer scope needs. */
export function runWithNeeds<T>(content: TokenContent, fn: () => T): T {
  const { request, onPrimary, needs, consistency } = outerScope()
  const more = content.size === 0 ? needs : [...needs, content]
  return begin(new ScopeRecord(request, onPrimary, more, consistency), fn)
}

/**
 * Runs `fn` now, with reads of this consistency, where part of an app needs another one than the whole: `none` for a
 * dashboard that may show the past, `monotonic` for a list that must not jump back. `none` forgets what the client's token
 * asks for, and takes no positions of what is written.
 *
 * Where the whole app has `none` it gives no tokens to its clients, whatever a part of it does.
 *
 * @throws TypeError for an unknown level
 * @example
 * const visits = await runWithConsistency('none', () => pool.query('select count(*) from visit'))
 */
export function runWithConsistency<T>(consistency: Consistency, fn: () => T): T {
  if (!consistencies.includes(consistency)) {
    throw new TypeError(`runWithConsistency: pass one of ${consistencies.join(', ')}`)
  }
  const { request, onPrimary, needs } = outerScope()
  return begin(new ScopeRecord(request, onPrimary, consistency === 'none' ? noNeeds : needs, consistency), fn)
}

function outerScope(): Scope {
  return currentScope() ?? createScope(new RequestState('job'))
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
