import { currentScope } from '@flyroute/core/adapter'
import type { FlyroutePool } from '@flyroute/pg'
import { commonMutations, override, partsOf } from '@flyroute/testkit/consistency/app'

// Bugs that the checker has to find. They are planted from outside, into one pool of the app under test.

/** By name, what puts each bug into a pool. */
export const mutations: Readonly<Record<string, (pool: FlyroutePool) => void>> = {
  ...commonMutations,

  /** The position of a write is asked for in the string that writes, and so before its commit. */
  'position-in-the-same-string': (pool) => {
    const { name, written } = partsOf(pool.replication)
    override(written, () => ({ latest: (position) => position }))
    const query = pool.query.bind(pool) as (text: unknown, values?: unknown) => Promise<unknown>
    const mutated = async (text: unknown, values?: unknown): Promise<unknown> => {
      if (typeof text !== 'string' || values !== undefined || !text.includes('insert')) return query(text, values)
      const both = await query(`${text}; select pg_current_wal_flush_lsn()::text as at`)
      const [written, { rows }] = both as [unknown, { rows: [{ at: string }] }]
      const positions = currentScope()?.request.positions
      const position = positions?.get(name)
      if (position !== undefined && 'at' in position) positions?.set(name, { ...position, at: rows[0].at })
      return written
    }
    Object.assign(pool, { query: mutated })
  },

  /** Positions of all timelines are compared with each other. */
  'timelines-ignored': ({ replication }) => {
    const { servers, written } = partsOf(replication)
    override(servers, ({ connected }) => ({
      connected: (observation, side) => connected({ ...observation, epoch: 0 }, side),
    }))
    override(written, ({ wrote }) => ({
      wrote: (state, position) => wrote(state, position && { ...position, epoch: 0 }),
    }))
  },
}
