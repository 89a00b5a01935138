import { createPool } from '@flyroute/pg'
import type { InterleavingsAdapter } from '@flyroute/testkit/interleavings'

/** pg, in the words of the search for interleavings. */
export const adapter: InterleavingsAdapter = {
  name: 'pg',
  protocol: 'postgres',
  open({ name, topology, stream, max, primaryMax }) {
    return createPool({ name, topology, stream, max, idleTimeoutMillis: 0, primaryPool: { max: primaryMax } })
  },
}
