import type { CompiledQuery, DatabaseConnection } from 'kysely'
import type { Ask } from './facts/index.ts'

/** A text as Kysely hands it to a connection. */
export function compiled(sql: string): CompiledQuery {
  const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] } as unknown as CompiledQuery['query']
  return { sql, parameters: [], query, queryId: { queryId: 'flyroute' } }
}

/** Asks on a connection of the wrapped dialect, below the guard. */
export function asksOn(connection: DatabaseConnection): Ask {
  return async (sql) => (await connection.executeQuery<Record<string, unknown>>(compiled(sql))).rows
}
