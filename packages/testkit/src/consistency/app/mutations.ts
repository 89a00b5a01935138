import type { Replication } from '@flyroute/core'
import type { DatabaseReplication } from '@flyroute/core/adapter'

// Bugs that the checker has to find, whatever the database. They are planted from outside, into one pool of the app under test.

type Methods = {
  -readonly [Name in keyof DatabaseReplication as DatabaseReplication[Name] extends (...args: never[]) => unknown
    ? Name
    : never]: DatabaseReplication[Name]
}

/** Puts other methods in the place of some; they get the original ones. */
export function override(of: Replication, make: (original: Methods) => Partial<Methods>): void {
  const replication = of as unknown as Methods
  const original = new Proxy(replication, {
    get: (target, name) => (Object.getPrototypeOf(target) as Methods)[name as keyof Methods].bind(target),
  })
  Object.assign(replication, make(original))
}

interface Planted {
  readonly replication: Replication
}

/** By name, what puts each bug into a pool. */
export const commonMutations: Readonly<Record<string, (pool: Planted) => void>> = {
  /** Every replica is taken for fresh enough. */
  'no-waiting': ({ replication }) =>
    override(replication, () => ({
      isFresh: () => true,
      isKnownFresh: () => true,
      catchUp: async () => true,
    })),

  /** What a server has once reached is taken for reached by its next run as well. */
  'position-kept-over-a-restart': ({ replication }) =>
    override(replication, ({ connected }) => ({
      connected: (observation, side) => connected({ ...observation, instance: observation.role }, side),
      disconnected: () => undefined,
    })),

  /** An answer carries the position of its own write, whatever this process has told in the meantime. */
  'token-lowered-by-an-overtaken-answer': ({ replication }) =>
    override(replication, ({ wrote }) => ({
      latest: (position) => position,
      wrote(request, position) {
        wrote(request, position)
        if (position !== undefined) request.positions.set((replication as DatabaseReplication).name, position)
      },
    })),

  /** That something was committed is not noticed, so that the request may still be replayed. */
  'replayed-after-a-commit': ({ replication }) =>
    override(replication, () => ({
      writeBegins: () => undefined,
      writeEnds: () => undefined,
    })),
}
