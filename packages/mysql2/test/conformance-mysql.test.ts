import { startMysql, whyNoMysql } from '@flyroute/testkit'
import { describeAdapter, mysql } from '@flyroute/testkit/conformance'
import { test } from '@jest/globals'
import { open } from './conformance.ts'

const reason = await whyNoMysql()
if (reason === undefined) {
  describeAdapter({
    name: 'mysql2 on MySQL',
    dialect: mysql,
    // What is far away, or gone, is told by the connection and not by the server.
    shownElsewhere: ['distance', 'remote outages'],
    startCluster: () => startMysql({ replicas: 1 }),
    open,
  })
} else {
  test.skip(`mysql2 on MySQL (${reason})`, () => undefined)
}
