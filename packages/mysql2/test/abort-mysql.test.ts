import { startMysql } from '@flyroute/testkit'
import { describePoolAborts } from './abort.ts'

describePoolAborts('MySQL', () => startMysql({ replicas: 1 }))
