import type { Dialect } from '../classify/types.ts'
import type { DialectFacts, DialectFactsOptions } from './facts.ts'
import { mysqlFacts } from './mysql-facts.ts'
import { postgresFacts } from './postgres-facts.ts'
import { sqliteFacts } from './sqlite-facts.ts'

const makers: Readonly<Record<Dialect, (options?: DialectFactsOptions) => DialectFacts>> = {
  postgres: postgresFacts,
  mysql: mysqlFacts,
  sqlite: sqliteFacts,
}

/** What is known of the databases that speak a language; one for each database, as it learns what its servers answer. */
export function factsOf(language: Dialect, options?: DialectFactsOptions): DialectFacts {
  return makers[language](options)
}
