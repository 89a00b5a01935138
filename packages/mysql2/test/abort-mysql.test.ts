import { startMysql } from '@flyroute/testkit'
import { describeAborts } from './abort.ts'

describeAborts('MySQL', () => startMysql({ replicas: 1 }))
