import { startMariadb } from '@flyroute/testkit'
import { describeAborts } from './abort.ts'

describeAborts('MariaDB', () => startMariadb({ replicas: 1 }))
