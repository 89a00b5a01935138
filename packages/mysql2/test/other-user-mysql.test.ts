import { startMysql } from '@flyroute/testkit'
import { describeOtherUser } from './other-user.ts'

describeOtherUser('MySQL', () => startMysql({ replicas: 1 }), false)
