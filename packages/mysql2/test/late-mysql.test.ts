import { startMysql } from '@flyroute/testkit'
import { describeMysqlLateWork } from './late.ts'

describeMysqlLateWork('mysql2 on mysql', () => startMysql({ replicas: 1 }))
