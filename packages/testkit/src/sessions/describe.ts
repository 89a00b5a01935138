import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { printFigures, runBareSessions, runMeetings, runSessions } from './run.ts'
import { type SessionAdapter, World } from './world.ts'

/** How many sessions each adapter plays among the tests; `pnpm check:sessions` plays more. */
const sessions = 200
/** And how many times several of them meet in one pool. */
const meetings = 20
const seed = 20

/** Plays random sessions on one bare server and through the adapter, and expects the same of both. */
export function describeSessions(adapter: SessionAdapter): void {
  describe(`Sessions of ${adapter.name}`, () => {
    let world: World
    beforeAll(async () => {
      world = await World.start(adapter)
    }, 60_000)
    afterAll(() => world[Symbol.asyncDispose]())

    test('come out the same on the bare server each time', async () => {
      expect(await runBareSessions(world, 20, seed)).toEqual([])
    }, 60_000)

    test('are as on one server, or refused before they have written anything', async () => {
      const { figures, failures } = await runSessions(world, { sessions, seed })
      if (failures.length > 0)
        throw new Error(`A session went otherwise than on one server:\n\n${failures.join('\n\n')}`)
      console.log(`${adapter.name}: ${printFigures(figures)}`)
      // Who refuses everything makes no mistake either.
      for (const way of ['job', 'answering'] as const) expect(figures[way].equal).toBeGreaterThan(sessions / 2)
    }, 900_000)

    test('are so where they meet in one pool, their statements interleaved', async () => {
      const { refused, failures } = await runMeetings(world, { meetings, seed })
      expect(failures).toEqual([])
      expect(refused).toBeLessThan(meetings / 2)
    }, 300_000)
  })
}
