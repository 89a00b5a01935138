import { Buffer } from 'node:buffer'
import type { BareConnection, Command } from './driver-types.ts'

/** A statement that can be run again on another connection, or another user to become there. */
export type Repeatable =
  | { readonly sql: string; readonly values?: unknown; readonly isExecution?: boolean }
  | { readonly user: object }

/**
 * What a command would be run again as: a query's text has its values in it. An execution has them beside, and is executed again:
 * a value must never become part of a text, which this session may read by other rules (`NO_BACKSLASH_ESCAPES`, `SET NAMES`), and
 * in a text it would have another type.
 */
export function repeatable(command: Command): Repeatable {
  const { sql, query, statement, _executeOptions: options } = command
  const text = sql ?? query ?? statement?.query ?? ''
  if (options === undefined) return { sql: text }
  const { values } = options as { values?: unknown }
  return { sql: text, values: Array.isArray(values) ? values.map(copyOf) : values, isExecution: true }
}

/** A value as it is sent now: the app may do something else with its own meanwhile. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Object.prototype.toString.call(value) === '[object Date]') return new Date(Number(value))
  if (Buffer.isBuffer(value)) return Buffer.from(value)
  if (value instanceof Uint8Array) return value.slice()
  const { constructor, toJSON } = value as { constructor?: unknown; toJSON?: unknown }
  // What the driver sends as JSON.
  const isJson = Array.isArray(value) || constructor === Object || typeof toJSON === 'function'
  const json = isJson ? JSON.stringify(value) : undefined
  return json === undefined ? value : { toJSON: (): unknown => JSON.parse(json) }
}

/** Runs it again; what it answers was told to the app elsewhere. */
export function runAgain(connection: BareConnection, again: Repeatable): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown): void => (error ? reject(error) : resolve())
    if ('user' in again) connection.changeUser(again.user, done)
    else if (again.isExecution) connection.execute({ sql: again.sql, values: again.values }, done)
    else connection.query({ sql: again.sql }, done)
  })
}
