import { startMariadb } from '@flyroute/testkit'
import { describeMysqlLateWork } from './late.ts'

describeMysqlLateWork('mysql2 on mariadb', () => startMariadb({ replicas: 1 }))
