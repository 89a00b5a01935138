import { join } from 'node:path'
import { startPostgres } from '@flyroute/testkit'
import { describeLateWork } from '@flyroute/testkit/late/describe'

describeLateWork({
  name: 'Kysely',
  program: join(import.meta.dirname, 'late', 'main.ts'),
  start: () => startPostgres({ replicas: 1 }),
})
