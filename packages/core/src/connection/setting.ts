/** A change of the session that can be made again exactly. */
export interface Setting<S> {
  /** Tells it apart from others: its text, and the values that were bound to it. */
  readonly key: string
  readonly statement: S
  /** What it sets and replaces whole, in lower case. */
  readonly names: readonly string[]
  /** It sets nothing else. */
  readonly isNamed: boolean
  /** It ends with its transaction (`SET LOCAL`). */
  readonly isLocal: boolean
  /** It is the database of the session, which a reset leaves as it is. */
  readonly isDatabase: boolean
  /** Whether it has the transactions that follow read-only; undefined where it is about something else. */
  readonly readOnly?: boolean | undefined
}

/** Tells settings apart: the same text with other values is another one. */
export function keyOf(text: string, values: unknown): string {
  if (values === undefined) return text
  return `${text}\0${(Array.isArray(values) ? values : [values]).map(keyOfValue).join('\0')}`
}

/** A date is another value than the text that it is written as. */
function keyOfValue(value: unknown): string {
  const kind = Object.prototype.toString.call(value)
  return kind + JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))
}

/** What has no name that it could be replaced by. */
export const unnamed = { names: [], isNamed: false, isLocal: false, isDatabase: false } as const

/** Of these a value is a part of what holds then, or takes another setting back with it: all of them are made again. */
const partial = new Set(
  'all authorization characteristics constraints datestyle optimizer_switch optimizer_trace session session_authorization'.split(
    ' ',
  ),
)

/** The name of what is set, in lower case; undefined where one value does not replace another. */
export function nameOf(name: string | number, values: unknown): string | undefined {
  const known = typeof name === 'string' ? name : (values as readonly unknown[] | undefined)?.[name - 1]
  const lower = typeof known === 'string' ? known.toLowerCase() : undefined
  return lower === undefined || partial.has(lower) ? undefined : lower
}

/**
 * A text that has a session know these names of the app's own, and nothing else, as it ends with the transaction that it is: once a
 * value is undone, by ROLLBACK or DISCARD ALL, `current_setting` says '' where it had said NULL before.
 */
export function textToKnow(names: Iterable<string>): string {
  return `select ${Array.from(names, (name) => `set_config('${name.replaceAll("'", "''")}', '', true)`).join(', ')}`
}
