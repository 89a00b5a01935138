import type { Dialect as Language } from '@flyroute/core'
import type { Ask } from '@flyroute/core/adapter'
import type { CompiledQuery, DatabaseConnection } from 'kysely'

/** A text as Kysely hands it to a connection. */
export function compiled(sql: string): CompiledQuery {
  const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] } as unknown as CompiledQuery['query']
  return { sql, parameters: [], query, queryId: { queryId: 'flyroute' } }
}

/** Asks on a connection of the wrapped dialect, below the guard. The names of the columns are all different. */
export function asksOn(connection: DatabaseConnection, language: Language): Ask {
  const rows = async (sql: string): Promise<readonly Record<string, string | null>[]> =>
    (await connection.executeQuery<Record<string, string | null>>(compiled(sql))).rows
  if (language !== 'postgres') return async (sql) => (await rows(sql)).map((row) => Object.values(row).map(toText))
  // Each row as one value: whatever the app has set for the types and the names of its columns.
  return async (sql) => {
    const answers = (await rows(`select row_to_json(asked)::text as answer from (${sql}) as asked`)) as {
      answer: string
    }[]
    return answers.map(({ answer }) => Object.values(JSON.parse(answer) as Record<string, string | null>))
  }
}

function toText(value: string | number | bigint | boolean | null | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}
