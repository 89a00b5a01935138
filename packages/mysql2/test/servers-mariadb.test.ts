import { startMariadb } from '@flyroute/testkit'
import { describeServers } from './servers.ts'

describeServers('mariadb', () => startMariadb({ replicas: 1 }))
