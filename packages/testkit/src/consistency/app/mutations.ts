import type { Replication } from '@flyroute/core'
import { currentScope, type DatabaseReplication, type RequestState } from '@flyroute/core/adapter'

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

type Send = (text: unknown, ...rest: unknown[]) => Promise<unknown>

/** Does something to the request of each statement before it is sent. */
function beforeStatements(
  pool: Planted,
  spoil: (request: RequestState, text: string) => (() => void) | undefined,
): void {
  const senders = pool as unknown as Record<'query' | 'execute', Send | undefined>
  for (const name of ['query', 'execute'] as const) {
    const send = senders[name]?.bind(pool)
    if (send === undefined) continue
    senders[name] = async (text, ...rest) => {
      const request = currentScope()?.request
      const restore = request && spoil(request, String(text))
      try {
        return await send(text, ...rest)
      } finally {
        restore?.()
      }
    }
  }
}

/** What a request is told of what is written. */
const bookkeeping = ['beginWrite', 'endWrite', 'noteCommit'] as const

/** A request that does not notice what it writes. */
function countsNoWrites(request: RequestState): undefined {
  for (const name of bookkeeping) Object.defineProperty(request, name, { configurable: true, value: () => true })
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
  'replayed-after-a-commit': (pool) => beforeStatements(pool, countsNoWrites),

  /** Once its replay is answered, a request counts as one whose answer has begun: it goes on, on the primary. */
  'goes-on-after-its-replay': (pool) =>
    beforeStatements(pool, (request) => {
      if (Object.hasOwn(request, 'answerReplay')) return undefined
      const { answerReplay } = request
      let isAnswered = false
      Object.defineProperties(request, {
        answerReplay: {
          configurable: true,
          value: () => {
            if (request.whyNotReplayable() !== undefined) return answerReplay.call(request)
            isAnswered = true
            request.obstacle = 'response-begun'
            return true
          },
        },
        refusal: {
          configurable: true,
          get: () => (isAnswered ? undefined : Reflect.get(Object.getPrototypeOf(request), 'refusal', request)),
        },
      })
      return undefined
    }),

  /** What a function does counts as a read. */
  'writes-of-functions-not-counted': (pool) =>
    beforeStatements(pool, (request, text) => {
      if (!text.includes('write_register')) return undefined
      countsNoWrites(request)
      return () => {
        for (const name of bookkeeping) Reflect.deleteProperty(request, name)
      }
    }),
}
