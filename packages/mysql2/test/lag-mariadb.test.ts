import { startMariadb } from '@flyroute/testkit'
import { describeLag } from './lag.ts'

describeLag('mariadb', () => startMariadb({ replicas: 1 }))
