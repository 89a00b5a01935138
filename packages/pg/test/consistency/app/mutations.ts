import type { Replication } from '@flyroute/core'
import { currentScope, type DatabaseReplication } from '@flyroute/core/adapter'
import type { FlyroutePool } from '@flyroute/pg'

// Bugs that the checker has to find. They are planted from outside, into one pool of the app under test.

type Methods = {
  -readonly [Name in keyof DatabaseReplication as DatabaseReplication[Name] extends (...args: never[]) => unknown
    ? Name
    : never]: DatabaseReplication[Name]
}

/** Puts other methods in the place of some; they get the original ones. */
function override(of: Replication, make: (original: Methods) => Partial<Methods>): void {
  const replication = of as unknown as Methods
  const original = new Proxy(replication, {
    get: (target, name) => (Object.getPrototypeOf(target) as Methods)[name as keyof Methods].bind(target),
  })
  Object.assign(replication, make(original))
}

/** By name, what puts each bug into a pool. */
export const mutations: Readonly<Record<string, (pool: FlyroutePool) => void>> = {
  /** Every replica is taken for fresh enough. */
  'no-waiting': ({ replication }) =>
    override(replication, () => ({
      isFresh: () => true,
      isKnownFresh: () => true,
      catchUp: async () => true,
    })),

  /** The position of a write is asked for in the string that writes, and so before its commit. */
  'position-in-the-same-string': (pool) => {
    const { name } = pool.replication as unknown as DatabaseReplication
    override(pool.replication, () => ({ latest: (position) => position }))
    const query = pool.query.bind(pool) as (text: unknown, values?: unknown) => Promise<unknown>
    const mutated = async (text: unknown, values?: unknown): Promise<unknown> => {
      if (typeof text !== 'string' || values !== undefined || !text.includes('insert')) return query(text, values)
      const both = await query(`${text}; select pg_current_wal_flush_lsn()::text as at`)
      const [written, { rows }] = both as [unknown, { rows: [{ at: string }] }]
      const positions = currentScope()?.activity.positions
      const position = positions?.get(name)
      if (position !== undefined && 'at' in position) positions?.set(name, { ...position, at: rows[0].at })
      return written
    }
    Object.assign(pool, { query: mutated })
  },

  /** What a server has once reached is taken for reached by its next run as well. */
  'position-kept-over-a-restart': ({ replication }) =>
    override(replication, ({ connected }) => ({
      connected: (observation, side) => connected({ ...observation, instance: observation.role }, side),
      disconnected: () => undefined,
    })),

  /** Positions of all timelines are compared with each other. */
  'timelines-ignored': ({ replication }) =>
    override(replication, ({ connected, wrote }) => ({
      connected: (observation, side) => connected({ ...observation, epoch: 0 }, side),
      wrote: (activity, position) => wrote(activity, position && { ...position, epoch: 0 }),
    })),

  /** An answer carries the position of its own write, whatever this process has told in the meantime. */
  'token-lowered-by-an-overtaken-answer': ({ replication }) =>
    override(replication, ({ wrote }) => ({
      latest: (position) => position,
      wrote(activity, position) {
        wrote(activity, position)
        if (position !== undefined) activity.positions.set((replication as DatabaseReplication).name, position)
      },
    })),

  /** That something was committed is not noticed, so that the request may still be replayed. */
  'replayed-after-a-commit': ({ replication }) =>
    override(replication, () => ({
      writeBegins: () => undefined,
      writeEnds: () => undefined,
    })),
}
