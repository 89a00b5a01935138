import { openDatabase } from '@flyroute/better-sqlite3'
import { FlyrouteDialect } from '@flyroute/kysely'
import { describeAdapter, type OpenOptions, sqlite } from '@flyroute/testkit/conformance'
import { onLitefs } from '@flyroute/testkit/litefs'
import { subjectOver, type Version, versions } from './support/subject.ts'

for (const [name, version] of Object.entries(versions)) {
  describeAdapter({
    ...onLitefs,
    name: `Kysely ${name} over SQLite on LiteFS`,
    dialect: sqlite,
    hasLog: true,
    // As with better-sqlite3 by itself: what was written in it cannot be committed on a replica, and COMMIT says why.
    abortedCommit: 'PrimaryRequiredError',
    without: {
      ...onLitefs.without,
      'waiting-statement':
        'Kysely has one connection to SQLite: who waited on it would hold up everybody; a job calls waitFor first',
    },
    open: (options) => subjectOver(version, dialectOf(version, options)),
  })
}

function dialectOf({ SqliteDialect }: Version, { env, replayCostMs }: OpenOptions): FlyrouteDialect {
  // On LiteFS every machine has its own file by the same name: here they are told apart by their region's variable.
  const url = (env['FLY_REGION'] === 'ams' && env['DATABASE_URL_AMS']) || env['DATABASE_URL']
  const database = openDatabase(undefined, { env: { ...env, DATABASE_URL: url }, replayCostMs })
  return new FlyrouteDialect({ dialect: new SqliteDialect({ database }), database })
}
