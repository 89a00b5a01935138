import type { BareConnection, Command } from './driver-types.ts'

/** A statement that can be run again on another connection, or another user to become there. */
export type Repeatable = { readonly sql: string; readonly values?: unknown } | { readonly user: object }

/** What a command would be run again as: a query's text has its values in it, an execution has them beside. */
export function repeatable(command: Command): Repeatable {
  const { sql, query, statement, _executeOptions: options } = command
  const { values } = (options ?? {}) as { values?: unknown }
  const text = sql ?? query ?? statement?.query ?? ''
  return values === undefined ? { sql: text } : { sql: text, values }
}

/** Runs it again; what it answers was told to the app elsewhere. */
export function runAgain(connection: BareConnection, again: Repeatable): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown): void => (error ? reject(error) : resolve())
    if ('user' in again) connection.changeUser(again.user, done)
    else connection.query(again, done)
  })
}
