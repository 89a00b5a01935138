import type { Dialect as Language } from '@flyroute/core'
import type { Dialect, RootOperationNode } from 'kysely'

/** `select 1` with the one in a parameter, and an identifier: in the nodes that Kysely's compilers read. */
const probe = {
  kind: 'RawNode',
  sqlFragments: ['', ' ', ''],
  parameters: [
    { kind: 'ValueNode', value: 1 },
    { kind: 'IdentifierNode', name: 'a' },
  ],
} as unknown as RootOperationNode

const languages: Readonly<Record<string, Language>> = { '$1 "a"': 'postgres', '? `a`': 'mysql', '? "a"': 'sqlite' }

/**
 * Which language a dialect speaks, from how it writes parameters and identifiers: true of dialects that were never heard
 * of, of two copies of Kysely, and of minified ones.
 *
 * @throws TypeError for a language that flyroute does not know
 */
export function languageOf(dialect: Dialect): Language {
  const { sql } = dialect.createQueryCompiler().compileQuery(probe, { queryId: 'flyroute' })
  const language = languages[sql]
  if (language === undefined) {
    throw new TypeError(
      "FlyrouteDialect: set language to 'postgres', 'mysql' or 'sqlite'; this dialect speaks none of them",
    )
  }
  return language
}
