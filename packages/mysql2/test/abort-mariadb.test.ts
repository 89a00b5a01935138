import { startMariadb } from '@flyroute/testkit'
import { describePoolAborts } from './abort.ts'

describePoolAborts('MariaDB', () => startMariadb({ replicas: 1 }))
