import { startPostgres, whyNoPostgres } from '@flyroute/testkit'
import { describeAdapter, postgres } from '@flyroute/testkit/conformance'
import { test } from '@jest/globals'
import { open } from './conformance.ts'

// From 19 on the server itself waits for a position.
const reason = await whyNoPostgres(19)
if (reason === undefined) {
  describeAdapter({
    name: 'pg on Postgres 19',
    dialect: postgres,
    // Where no replica is near, there is no position to wait for.
    shownElsewhere: ['distance', 'remote outages'],
    startCluster: () => startPostgres({ replicas: 1, version: 19 }),
    open,
  })
} else {
  test.skip(`pg on Postgres 19 (${reason})`, () => undefined)
}
