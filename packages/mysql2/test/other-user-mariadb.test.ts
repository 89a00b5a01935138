import { startMariadb } from '@flyroute/testkit'
import { describeOtherUser } from './other-user.ts'

describeOtherUser('MariaDB', () => startMariadb({ replicas: 1 }), true)
