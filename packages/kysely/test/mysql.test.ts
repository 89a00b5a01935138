import { startMariadb } from '@flyroute/testkit'
import { describeAdapter, mysql } from '@flyroute/testkit/conformance'
import { mysqlDialect } from './support/dialects.ts'
import { subjectOf, versions } from './support/subject.ts'

for (const [name, version] of Object.entries(versions)) {
  describeAdapter({
    name: `Kysely ${name} over MariaDB`,
    dialect: mysql,
    startCluster: () => startMariadb({ replicas: 1 }),
    open: (options) => subjectOf(version, options, (url, max) => mysqlDialect(version, url, max)),
  })
}
