import type { Dialect as Language } from '@flyroute/core'
import type { Facts } from './facts.ts'
import { mysqlFacts } from './mysql.ts'
import { postgresFacts } from './postgres.ts'
import { sqliteFacts } from './sqlite.ts'

export type { Ask, Facts } from './facts.ts'

const makers: Readonly<Record<Language, () => Facts>> = {
  postgres: postgresFacts,
  mysql: mysqlFacts,
  sqlite: sqliteFacts,
}

/** What is known of the databases that speak a language; one for each database, as it learns what its servers answer. */
export function factsOf(language: Language): Facts {
  return makers[language]()
}
