import { startMysql, whyNoMysql } from '@flyroute/testkit'
import { test } from '@jest/globals'
import { describeDiagnostics } from './diagnostics.ts'

const reason = await whyNoMysql()
if (reason === undefined) describeDiagnostics('mysql', () => startMysql({ replicas: 1 }))
else test.skip(`diagnostics of a session on mysql (${reason})`, () => undefined)
