import { startPostgres } from '@flyroute/testkit'
import { describeAdapter, postgres } from '@flyroute/testkit/conformance'
import { open } from './conformance.ts'

describeAdapter({
  name: 'pg',
  dialect: postgres,
  startCluster: () => startPostgres({ replicas: 1 }),
  open,
})
