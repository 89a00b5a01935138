import { startMysql, whyNoMysql } from '@flyroute/testkit'
import { test } from '@jest/globals'
import { describeLag } from './lag.ts'

const reason = await whyNoMysql()
if (reason === undefined) {
  describeLag('mysql', () => startMysql({ replicas: 1, settings: { performance_schema: 'ON' } }))
} else {
  test.skip(`lag on mysql (${reason})`, () => undefined)
}
