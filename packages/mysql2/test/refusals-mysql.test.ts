import { startMysql, whyNoMysql } from '@flyroute/testkit'
import { test } from '@jest/globals'
import { describeRefusals } from './refusals.ts'

const reason = await whyNoMysql()
if (reason === undefined) describeRefusals('mysql', () => startMysql({ replicas: 1 }))
else test.skip(`the refusal table on mysql (${reason})`, () => undefined)
