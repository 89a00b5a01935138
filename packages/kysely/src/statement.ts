import type { Dialect as Language } from '@flyroute/core'
import type { Analysis, Ask, ConnectionGuard, Scope } from '@flyroute/core/adapter'
import type { CompiledQuery, DatabaseConnection, Driver } from 'kysely'

export type ExecuteOptions = Parameters<DatabaseConnection['executeQuery']>[1]

/** A text as Kysely hands it to a connection. */
export function compiled(sql: string): CompiledQuery {
  const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] } as unknown as CompiledQuery['query']
  return { sql, parameters: [], query, queryId: { queryId: 'flyroute' } }
}

/** The values that are bound to a text; undefined for none. */
export function boundTo({ parameters }: CompiledQuery): unknown {
  return parameters.length === 0 ? undefined : parameters
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

/** How a driver's own method is run: on a connection of that driver, or on what stands for it. */
export type RunControl = (driver: Driver, connection: DatabaseConnection) => Promise<void>

/**
 * What begins or ends a transaction, or a part of it, by a method of the driver: some do more there than execute a text.
 * `sql` says the same, so that it is decided upon as any statement.
 */
export class Control implements CompiledQuery {
  readonly sql: string
  readonly parameters: CompiledQuery['parameters']
  readonly query: CompiledQuery['query']
  readonly queryId: CompiledQuery['queryId']
  readonly run: RunControl
  /** What the method is to see in a connection's place; undefined: the connection itself. */
  readonly below: ((inner: DatabaseConnection, instead?: CompiledQuery) => DatabaseConnection) | undefined

  constructor(sql: string, run: RunControl, below?: Control['below']) {
    const { parameters, query, queryId } = compiled(sql)
    this.sql = sql
    this.parameters = parameters
    this.query = query
    this.queryId = queryId
    this.run = run
    this.below = below
  }
}

/** A statement, from the call to its answer, whichever connections it meets. */
export class Statement {
  readonly query: CompiledQuery
  readonly options: ExecuteOptions
  /** Of the code that asked, not of what reads a stream later. */
  readonly scope: Scope | undefined
  /** As the connection knows it that it is run on. */
  analysis: Analysis
  /** Withdraws the write that is registered while it is on its way to the primary. */
  #withdraw: (() => void) | undefined

  constructor(query: CompiledQuery, options: ExecuteOptions, scope: Scope | undefined, analysis: Analysis) {
    this.query = query
    this.options = options
    this.scope = scope
    this.analysis = analysis
  }

  /** Takes over what a guard has registered for its way to the primary. */
  takesIntent(guard: ConnectionGuard<CompiledQuery>): void {
    this.#withdraw = guard.takeIntent() ?? this.#withdraw
  }

  /** Its connection has registered what it does there, or it was not sent. */
  withdrawsIntent(): void {
    this.#withdraw?.()
  }
}
