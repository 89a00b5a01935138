import { startMysql, whyNoMysql } from '@flyroute/testkit'
import { test } from '@jest/globals'
import { describeServers } from './servers.ts'

const reason = await whyNoMysql()
if (reason === undefined) describeServers('mysql', () => startMysql({ replicas: 1 }))
else test.skip(`on mysql (${reason})`, () => undefined)
