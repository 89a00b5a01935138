import { startPostgres } from '@flyroute/testkit'
import { describeAdapter, postgres } from '@flyroute/testkit/conformance'
import { postgresDialect } from './support/dialects.ts'
import { subjectOf, versions, withoutPool } from './support/subject.ts'

for (const [name, version] of Object.entries(versions)) {
  describeAdapter({
    name: `Kysely ${name} over Postgres`,
    dialect: postgres,
    hasLog: true,
    ...(name === '0.28'
      ? {
          shownElsewhere: ['distance', 'tokens', 'waiting', 'promotion', 'takeover'],
          without: { ...withoutPool, closing: 'this version has no way to close a connection of its pool' },
        }
      : { without: withoutPool, abortedCommit: 'AbortedTransactionError' }),
    startCluster: () => startPostgres({ replicas: 1 }),
    open: (options) => subjectOf(version, options, (url, max) => postgresDialect(version, url, max)),
  })
}
