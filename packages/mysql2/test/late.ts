import { join } from 'node:path'
import type { MysqlCluster } from '@flyroute/testkit'
import { describeLateWork } from '@flyroute/testkit/late/describe'

/** The test of late work, on either kind of server. */
export function describeMysqlLateWork(name: string, start: () => Promise<MysqlCluster>): void {
  describeLateWork({
    name,
    program: join(import.meta.dirname, 'late', 'main.ts'),
    start,
  })
}
