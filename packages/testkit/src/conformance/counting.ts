import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RouteReport } from '@flyroute/core/adapter'
import { describe, expect, test } from '@jest/globals'
import { away, type Context, home } from './context.ts'

/** What is counted for `flyroute advise`, where that is asked for. */
export function counting(context: Context): void {
  const { sleep } = context.dialect

  describe('counting', () => {
    test('each statement of a request, what writes, and how long it had to wait for them', async () => {
      const routes = await counted(async () => {
        const { app } = await context.app({ replayBeforeHandler: [] })
        await app.send(home, async (subject) => {
          await context.portOf(subject)
          await subject.transaction(async (query) => {
            if (sleep !== undefined) await query(sleep)
            return query(context.insert(context.nextId()))
          })
        })
      })
      const statements = sleep === undefined ? 4 : 5
      const expected = { requests: 1, primary: 1, statements, reads: statements - 3, writes: 1, crossings: statements }
      expect(routes).toMatchObject([{ route: 'GET /', ...expected, causes: expect.anything() }])
      expect(Object.keys(routes[0]?.causes ?? {})).toEqual(['insert conformance'])
      expect(routes[0]?.databaseMs).toBeGreaterThan(sleep === undefined ? 0 : 500)
      expect(routes[0]?.databaseMs).toBeLessThan(30_000)
    })

    test('reads wherever they are served; what is replayed counts where it is answered', async () => {
      const routes = await counted(async () => {
        const { app } = await context.app({ replayBeforeHandler: [] })
        await app.send(away, (subject) => context.portOf(subject))
        const { way } = await app.send(away, (subject) => subject.query(context.insert(context.nextId())))
        expect(way).toEqual([away, home])
      })
      expect(routes).toMatchObject([{ requests: 2, primary: 1, statements: 2, reads: 1, writes: 1, crossings: 2 }])
    })
  })
}

/** Where core keeps it, one for all copies of the package. */
const slot = Symbol.for('flyroute.traffic.v1')

/** What is counted of the apps that are made meanwhile. */
async function counted(run: () => Promise<unknown>): Promise<readonly RouteReport[]> {
  const kept = Reflect.get(globalThis, slot) as { traffic?: unknown; isDecided: boolean }
  const before = { ...kept }
  const folder = mkdtempSync(join(tmpdir(), 'counting-'))
  process.env['FLYROUTE_ADVISE'] = folder
  kept.isDecided = false
  try {
    await run()
    return JSON.parse(JSON.stringify(kept.traffic)).routes
  } finally {
    delete process.env['FLYROUTE_ADVISE']
    Object.assign(kept, before)
    rmSync(folder, { recursive: true })
  }
}
