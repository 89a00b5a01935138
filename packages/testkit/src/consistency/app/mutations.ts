import type { Replication } from '@flyroute/core'
import type { DatabaseReplication } from '@flyroute/core/adapter'

// Bugs that the checker has to find, whatever the database. They are planted from outside, into one pool of the app under test.

/** What core keeps for one database. */
export function partsOf(replication: Replication): DatabaseReplication {
  return replication as DatabaseReplication
}

/** Puts other methods in the place of some of a part's; they get the original ones. */
export function override<Part extends object>(part: Part, make: (original: Part) => Partial<Part>): void {
  const original = new Proxy(part, {
    get: (target, name) => (Object.getPrototypeOf(target) as Record<typeof name, () => unknown>)[name]?.bind(target),
  })
  Object.assign(part, make(original))
}

interface Planted {
  readonly replication: Replication
}

/** By name, what puts each bug into a pool. */
export const commonMutations: Readonly<Record<string, (pool: Planted) => void>> = {
  /** Every replica is taken for fresh enough. */
  'no-waiting': ({ replication }) =>
    override(partsOf(replication).freshness, () => ({
      assess: () => 'fresh',
      catchUp: async () => true,
    })),

  /** What a server has once reached is taken for reached by its next run as well. */
  'position-kept-over-a-restart': ({ replication }) =>
    override(partsOf(replication).servers, ({ connected }) => ({
      connected: (observation, side) => connected({ ...observation, instance: observation.role }, side),
      disconnected: () => undefined,
    })),

  /** An answer carries the position of its own write, whatever this process has told in the meantime. */
  'token-lowered-by-an-overtaken-answer': ({ replication }) =>
    override(partsOf(replication).written, ({ wrote }) => ({
      latest: (position) => position,
      wrote(request, position) {
        wrote(request, position)
        if (position !== undefined) request.positions.set(partsOf(replication).name, position)
      },
    })),

  /** That something was committed is not noticed, so that the request may still be replayed. */
  'replayed-after-a-commit': ({ replication }) =>
    override(partsOf(replication).written, () => ({
      begins: () => undefined,
      ends: () => undefined,
    })),
}
