import { startMariadb } from '@flyroute/testkit'
import { describeAdapter, type Group, mysql } from '@flyroute/testkit/conformance'
import { mysqlDialect } from './support/dialects.ts'
import { subjectOf, versions, withoutPool } from './support/subject.ts'

/** With the other version, or over Postgres. */
const shownElsewhere: Readonly<Record<string, readonly Group[]>> = {
  '0.28': [
    'distance',
    'remote outages',
    'tokens',
    'waiting',
    'once',
    'failures',
    'lost answers',
    'promotion',
    'takeover',
  ],
}

for (const [name, version] of Object.entries(versions)) {
  describeAdapter({
    name: `Kysely ${name} over MariaDB`,
    dialect: mysql,
    hasLog: true,
    shownElsewhere: shownElsewhere[name] ?? [],
    without: withoutPool,
    startCluster: () => startMariadb({ replicas: 1 }),
    open: (options) => subjectOf(version, options, (url, max) => mysqlDialect(version, url, max)),
  })
}
