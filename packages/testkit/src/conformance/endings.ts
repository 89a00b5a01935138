import { runOnPrimary } from '@flyroute/core'
import { describe, expect } from '@jest/globals'
import { eventually } from '../eventually.ts'
import { away, type Context, home } from './context.ts'

/** What is left at the end: nothing. */
export function endings(context: Context): void {
  describe('endings', () => {
    context.testWith('servers', 'end() leaves no connection on any server', async () => {
      const open = async (): Promise<number[]> =>
        Promise.all(
          [context.primary, context.replica].map(async (node) => {
            const [row] = await node.query<{ n: number }>(context.dialect.connections ?? '')
            return Number(row?.n)
          }),
        )
      await eventually(async () => expect(await open()).toEqual([0, 0]))
      const far = await context.open(away)
      await Promise.all([far.query('select 1'), far.query('select 1'), runOnPrimary(() => far.query('select 1'))])
      await far.database.replication.status()
      await eventually(async () => {
        const [onPrimary, onReplica] = await open()
        expect(onPrimary).toBeGreaterThan(0)
        expect(onReplica).toBeGreaterThan(1)
      })
      await context.end(far)
      await eventually(async () => expect(await open()).toEqual([0, 0]))
    })

    context.testWith('servers', 'no secret shows in what is printed or sent', async () => {
      const far = await context.open(away)
      await far.query('select 1')
      const secret = decodeURIComponent(new URL(context.primary.url).password)
      const { inspect } = await import('node:util')
      const { replication } = far.database
      const shown = [
        JSON.stringify(replication),
        inspect(replication, { depth: 20, showHidden: true }),
        inspect(far.database, { depth: 20 }),
        JSON.stringify(await replication.status()),
        JSON.stringify(replication.topology),
        inspect(await far.query(context.insert(0)).catch((error: unknown) => error), { depth: 20, showHidden: true }),
      ]
      expect(shown.map((text) => text.includes(secret))).toEqual(shown.map(() => false))
      expect(home).not.toBe(away)
    })
  })
}
