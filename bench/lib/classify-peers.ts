// What people use instead: a regexp, or the syntax tree of a parser with a plain rule. A parse failure counts as a write.
import type { Dialect } from '@flyroute/core'
import { loadModule, parseSync } from 'libpg-query'
import sqlParser from 'node-sql-parser'
import { parse as parsePostgres } from 'pgsql-ast-parser'

/** Classifies a statement of a dialect. */
export interface Peer {
  readonly name: string
  readonly dialects: readonly Dialect[]
  /** How much of the work it is given, as it takes so much longer. */
  readonly share: number
  isWrite(sql: string): boolean
}

await loadModule()

const ALL: readonly Dialect[] = ['postgres', 'mysql', 'sqlite']

/** Rails' way: it reads where it begins like a query, with or without comments and parentheses. */
const QUERY =
  /^(?:[\s(]|\/\*(?:[^*]|\*[^/])*\*\/)*(?:begin|commit|explain|release|rollback|savepoint|select|show|set|with)\b/i

/** Of a libpg_query tree. */
const READ_STATEMENTS = new Set([
  'SelectStmt',
  'ExplainStmt',
  'TransactionStmt',
  'VariableSetStmt',
  'VariableShowStmt',
  'PrepareStmt',
  'ExecuteStmt',
  'DeallocateStmt',
  'DeclareCursorStmt',
  'FetchStmt',
  'ClosePortalStmt',
  'DiscardStmt',
  'CallStmt',
  'DoStmt',
  'LoadStmt',
  'UnlistenStmt',
])
const WRITING_NODES = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'lockingClause', 'intoClause'])
const WRITING_FUNCTIONS = new Set(['nextval', 'setval', 'pg_notify', 'txid_current', 'pg_current_xact_id'])

function writesInTree(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(writesInTree)
  if (typeof node !== 'object' || node === null) return false
  for (const [key, value] of Object.entries(node)) {
    if (WRITING_NODES.has(key)) return true
    if (key === 'sval' && typeof value === 'string' && WRITING_FUNCTIONS.has(value)) return true
    if (writesInTree(value)) return true
  }
  return false
}

function libpgQuery(sql: string): boolean {
  return (parseSync(sql).stmts ?? []).some(
    ({ stmt }) => !READ_STATEMENTS.has(Object.keys(stmt ?? {})[0] ?? '') || writesInTree(stmt),
  )
}

/** Of the trees of the other two, which name what a statement is. */
function astReads(tree: unknown): boolean {
  const list = Array.isArray(tree) ? tree : [tree]
  return list.every((statement: { type?: string }) =>
    /^(select|union|union all|values|with|show|use|start transaction|commit|rollback|begin|set|explain|transaction)/.test(
      statement?.type ?? '',
    ),
  )
}

const parser = new sqlParser.Parser()
const database = { postgres: 'postgresql', mysql: 'mysql', sqlite: 'sqlite' }

export const peers: readonly Peer[] = [
  { name: '/^\\s*select/i', dialects: ALL, share: 1, isWrite: (sql) => !/^\s*select/i.test(sql) },
  { name: 'a regexp like Rails’', dialects: ALL, share: 1, isWrite: (sql) => !QUERY.test(sql) },
  { name: 'libpg-query', dialects: ['postgres'], share: 0.2, isWrite: (sql) => failing(() => libpgQuery(sql)) },
  {
    name: 'pgsql-ast-parser',
    dialects: ['postgres'],
    share: 0.05,
    isWrite: (sql) => failing(() => !astReads(parsePostgres(sql))),
  },
  ...ALL.map((dialect) => ({
    name: 'node-sql-parser',
    dialects: [dialect],
    share: 0.05,
    isWrite: (sql: string) => failing(() => !astReads(parser.astify(sql, { database: database[dialect] }))),
  })),
]

function failing(classify: () => boolean): boolean {
  try {
    return classify()
  } catch {
    return true
  }
}
