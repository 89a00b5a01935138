import type { Position } from '@flyroute/core/adapter'
import type { FlyroutePool } from '@flyroute/mysql2/promise'
import { commonMutations, override, partsOf } from '@flyroute/testkit/consistency/app'

// Bugs that the checker has to find. They are planted from outside, into one pool of the app under test.

/** By name, what puts each bug into a pool. */
export const mutations: Readonly<Record<string, (pool: FlyroutePool) => void>> = {
  ...commonMutations,

  /** The position of a write is that of the one before it. */
  'position-from-before-the-write': ({ replication }) => {
    let before: Position | undefined
    override(partsOf(replication).written, ({ wrote }) => ({
      latest: (position) => position,
      wrote(state, position) {
        wrote(state, position)
        if (before !== undefined) state.positions.set(partsOf(replication).name, before)
        before = position
      },
    }))
  },

  /** Of a GTID only the number counts, as if all came from one server. */
  'servers-ignored': (pool) => {
    const { algebra } = partsOf(pool.replication)
    const numberOf = (at: string): number => Math.max(0, ...at.split(',').map((gtid) => Number(gtid.split('-').at(-1))))
    Object.assign(algebra, {
      covers: (reached: string, wanted: string) => numberOf(reached) >= numberOf(wanted),
      isOvertaken: () => false,
    })
  },
}
