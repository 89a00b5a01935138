import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { printFigures, runBareSessions, runSessions } from './run.ts'
import { type SessionAdapter, World } from './world.ts'

/** How many sessions each adapter plays among the tests; `pnpm check:sessions` plays more. */
const sessions = 100
const seed = 20

export interface DescribeOptions {
  /** For as long as the adapter is known to get sessions wrong: the test is there, and tells when it no longer does. */
  readonly isKnownToFail?: boolean
}

/** Plays random sessions on one bare server and through the adapter, and expects the same of both. */
export function describeSessions(adapter: SessionAdapter, { isKnownToFail = false }: DescribeOptions = {}): void {
  describe(`Sessions of ${adapter.name}`, () => {
    let world: World
    beforeAll(async () => {
      world = await World.start(adapter)
    }, 60_000)
    afterAll(() => world[Symbol.asyncDispose]())

    test('come out the same on the bare server each time', async () => {
      expect(await runBareSessions(world, 25, seed)).toEqual([])
    }, 60_000)

    const title = 'are as on one server, or refused before they have written anything'
    const compare = async (): Promise<void> => {
      const { figures, failures } = await runSessions(world, { sessions, seed, shrinks: !isKnownToFail })
      if (failures.length > 0)
        throw new Error(`A session went otherwise than on one server:\n\n${failures.join('\n\n')}`)
      console.log(`${adapter.name}: ${printFigures(figures)}`)
      // Who refuses everything makes no mistake either.
      for (const way of ['job', 'answering'] as const) expect(figures[way].equal).toBeGreaterThan(sessions / 2)
    }
    if (isKnownToFail) test.failing(title, compare, 300_000)
    else test(title, compare, 300_000)
  })
}
