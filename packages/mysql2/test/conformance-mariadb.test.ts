import { startMariadb } from '@flyroute/testkit'
import { describeAdapter, mysql } from '@flyroute/testkit/conformance'
import { open } from './conformance.ts'

describeAdapter({
  name: 'mysql2 on MariaDB',
  dialect: mysql,
  startCluster: () => startMariadb({ replicas: 1 }),
  open,
})
