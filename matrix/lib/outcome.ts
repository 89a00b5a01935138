import type { Run } from './orm.ts'

/** How an operation ended: with an answer, or with an error and all that it wraps. */
export type Outcome = { readonly answer: unknown } | { readonly errors: readonly ErrorShape[] }

/** What an app may look at in an error. */
export interface ErrorShape {
  readonly name: string
  readonly message: string
  readonly code: unknown
  readonly constraint: unknown
  readonly detail: unknown
}

/** Runs an operation to its end, whatever that is. */
export async function outcomeOf(run: Run): Promise<Outcome & { readonly error?: unknown }> {
  try {
    return { answer: await run() }
  } catch (error) {
    return hidden({ errors: shapesOf(error) }, error)
  }
}

/** The error itself is at hand, but is not compared: it has a stack. */
function hidden(outcome: Outcome, error: unknown): Outcome & { readonly error?: unknown } {
  return Object.defineProperty(outcome, 'error', { value: error, enumerable: false })
}

const wrappers = ['cause', 'original', 'parent', 'driverError', 'originalError'] as const

/** An error and all that it wraps, from the outside in. */
export function shapesOf(error: unknown): ErrorShape[] {
  const found = new Set<unknown>([error])
  for (const one of found) {
    if (typeof one !== 'object' || one === null) continue
    for (const word of wrappers) {
      const inner: unknown = Reflect.get(one, word)
      if (inner !== undefined && inner !== null) found.add(inner)
    }
  }
  return [...found].map((one) => {
    const { name, message, code, constraint, detail } = one as ErrorShape
    return { name, message, code, constraint, detail }
  })
}

/** As a client gets it: through JSON. */
export function toJson(outcome: Outcome): string {
  return JSON.stringify(outcome, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)) ?? ''
}

/**
 * The same value with the text of each function in its place: an answer may hold closures that are made anew for each
 * query, and are the same for all that. Classes stay what they are.
 */
export function comparable(value: unknown, seen: Map<object, unknown> = new Map()): unknown {
  if (typeof value === 'function') return `[function ${value.name}] ${Function.prototype.toString.call(value)}`
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date) return value
  if (seen.has(value)) return seen.get(value)
  const copy: object = Array.isArray(value) ? [] : (Object.create(Object.getPrototypeOf(value)) as object)
  seen.set(value, copy)
  for (const key of Reflect.ownKeys(value)) {
    if (Array.isArray(value) && key === 'length') continue
    const { enumerable = false } = Object.getOwnPropertyDescriptor(value, key) ?? {}
    const inner = comparable(Reflect.get(value, key), seen)
    Object.defineProperty(copy, key, { value: inner, enumerable, writable: true, configurable: true })
  }
  return copy
}
