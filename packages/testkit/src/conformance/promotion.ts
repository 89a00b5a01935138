import { describe, expect } from '@jest/globals'
import { eventually } from '../eventually.ts'
import { retryAfter } from './app.ts'
import { away, type Context, home } from './context.ts'

/** The primary dies and the replica takes over. Run last: the cluster is not what it was. */
export function promotion(context: Context): void {
  describe('promotion', () => {
    context.testWith('promotion', 'a promoted replica is noticed by those who are connected to it', async () => {
      const { app, far } = await context.app({ replayBeforeHandler: [] })
      const id = await context.newRow(1)
      const replica = context.replica
      const read = () => app.send(away, (subject) => context.valueOf(subject, id))
      expect(await read()).toMatchObject({ value: 1, way: [away] })
      await context.primary.kill()
      expect(await read()).toMatchObject({ status: 200, value: 1, way: [away] })
      await replica.promote()

      const next = context.nextId()
      await eventually(async () => {
        const write = await app.send(away, (subject) => subject.query(context.insert(next, 2)))
        expect(write).toMatchObject({ status: 200, way: [away], token: expect.any(String) })
      })
      expect(far.database.replication.topology.role).toBe('primary')
      expect(await context.valueOf(far, next)).toBe(2)
      const gone = await app.send(home, (subject) => context.valueOf(subject, id))
      expect(gone).toMatchObject({ status: 503, way: [home], retryAfter })
    })
  })
}
