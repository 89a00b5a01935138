import type { PrimaryRequiredError, ReplayUnavailableError } from '../errors.ts'
import { type Origin, originOf } from './origin.ts'

/** Errors looked at before the search gives up: far more than any ORM nests, and little enough for a hostile chain. */
const maxErrors = 100

/**
 * Where libraries keep the error they wrap: the standard `cause`, Sequelize's `original` and `parent`, TypeORM's
 * `driverError`, GraphQL's `originalError`, Prisma's `meta`, and the pair of a `SuppressedError`. `errors` (AggregateError)
 * is a list.
 */
const wrappers = ['cause', 'original', 'parent', 'driverError', 'originalError', 'meta', 'error', 'suppressed'] as const

/**
 * Whether this is, or wraps, the error that says "the primary is needed". Known by a brand that neither JSON nor a copy of its
 * fields carries, and that all copies of the package share; looks through ORM wrappers and `AggregateError`. Never throws.
 *
 * When it is a wrapper, {@link findPrimaryRequired} has the inner error; `replayResponse` takes either.
 *
 * @example
 * ```ts
 * try {
 *   return await handle(request)
 * } catch (error) {
 *   if (!isPrimaryRequired(error)) throw error
 *   return new Response(null, replayResponse(error))
 * }
 * ```
 */
export function isPrimaryRequired(error: unknown): error is PrimaryRequiredError {
  return findPrimaryRequired(error) !== undefined
}

/**
 * The error that says "the primary is needed", itself or inside a wrapper; `undefined` if there is none.
 * Never throws, whatever it is handed, and looks at a bounded number of errors.
 *
 * @example
 * ```ts
 * const inner = findPrimaryRequired(new Error('Failed query', { cause: error }))
 * inner?.reason   // 'write'
 * ```
 */
export function findPrimaryRequired(error: unknown): PrimaryRequiredError | undefined {
  return find(error, 'ERR_PRIMARY_REQUIRED') as PrimaryRequiredError | undefined
}

/** The error that says "and it cannot be replayed", itself or inside a wrapper. Never throws, like the above. */
export function findReplayUnavailable(error: unknown): ReplayUnavailableError | undefined {
  return find(error, 'ERR_REPLAY_UNAVAILABLE') as ReplayUnavailableError | undefined
}

/** ORMs copy the fields of what they wrap, clients send whatever they like: neither has what an error of ours was made with. */
function find(error: unknown, code: Origin['code']): object | undefined {
  for (const candidate of unwrap(error)) if (originOf(candidate)?.code === code) return candidate
  return undefined
}

/** An error and all that it wraps, from the outside in. */
function* unwrap(error: unknown): Generator<object, void> {
  const queue: object[] = []
  const seen = new Set<object>()
  const enqueue = (value: unknown): void => {
    if (!isObject(value) || seen.has(value) || seen.size >= maxErrors) return
    seen.add(value)
    queue.push(value)
  }
  enqueue(error)
  for (const candidate of queue) {
    yield candidate
    for (const key of wrappers) enqueue(get(candidate, key))
    for (const member of list(get(candidate, 'errors'))) enqueue(member)
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** A property, or `undefined` where a getter or a proxy throws. */
function get(object: object, key: PropertyKey): unknown {
  try {
    return Reflect.get(object, key)
  } catch {
    return undefined
  }
}

/** The first members of an array, read one by one: its iterator may be any code. */
function list(value: unknown): unknown[] {
  try {
    if (!Array.isArray(value)) return []
  } catch {
    return [] // a revoked proxy
  }
  const length = get(value, 'length')
  return Array.from({ length: Math.min(typeof length === 'number' ? length : 0, maxErrors) }, (_, i) => get(value, i))
}
