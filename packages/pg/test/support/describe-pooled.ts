import { whyNoPgbouncer } from '@flyroute/testkit'
import { type AdapterUnderTest, describeAdapter, postgres } from '@flyroute/testkit/conformance'
import { test } from '@jest/globals'
import { open } from '../conformance.ts'
import { PooledCluster } from './pooled.ts'

/** Runs the conformance suite behind the real PgBouncer, one ahead of each server. */
export async function describePooled(
  mode: 'session' | 'transaction',
  without: NonNullable<AdapterUnderTest['without']>,
): Promise<void> {
  const name = `pg through PgBouncer in ${mode} mode`
  const reason = await whyNoPgbouncer()
  if (reason !== undefined) {
    test.skip(`${name} (${reason})`, () => undefined)
    return
  }
  let cluster: PooledCluster
  const port = "current_setting('port')::int"
  describeAdapter({
    name,
    dialect: {
      ...postgres,
      get port() {
        return postgres.port.replace(port, cluster.reachedBy)
      },
      slowRead: (id, seconds) => postgres.slowRead!(id, seconds).replace(port, cluster.reachedBy),
    },
    startCluster: async () => (cluster = await PooledCluster.start(mode)),
    open,
    // What a request costs is the same with a pooler, which takes its time for each of so many connections.
    shownElsewhere: ['distance'],
    without,
  })
}
