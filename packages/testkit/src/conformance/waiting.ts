import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { away, type Context, home } from './context.ts'

/** A replica that is behind: waited for where that is the shorter way, and not in vain. */
export function waiting(context: Context): void {
  describe('waiting', () => {
    test('a request waits for what is about to arrive, where a replay takes longer', async () => {
      const { app } = await context.app({ waitTimeoutMs: 5_000 }, { replayCostMs: 5_000 })
      const id = await context.newRow(1)
      await context.replica.pauseReplay()
      try {
        const { token } = await app.send(home, (subject) =>
          subject.query(`update conformance set value = 2 where id = ${id}`),
        )
        const readings = Array.from({ length: 10 }, () =>
          app.send(away, (subject) => context.valueOf(subject, id), { token }),
        )
        await sleep(100)
        await context.replica.resumeReplay()
        for (const answer of await Promise.all(readings)) expect(answer).toMatchObject({ value: 2, way: [away] })
      } finally {
        await context.replica.resumeReplay()
      }
    })

    test('and is replayed soon, where the replica stands still', async () => {
      const { app } = await context.app({ waitTimeoutMs: 5_000 }, { replayCostMs: 50 })
      const id = await context.newRow(1)
      await context.replica.pauseReplay()
      try {
        const { token } = await app.send(home, (subject) =>
          subject.query(`update conformance set value = 2 where id = ${id}`),
        )
        const begun = performance.now()
        for (let i = 0; i < 5; i++) {
          const answer = await app.send(away, (subject) => context.valueOf(subject, id), { token })
          expect(answer).toMatchObject({ value: 2, way: [away, home], reason: 'stale' })
        }
        // Five times the whole time-out would be 25 s.
        expect(performance.now() - begun).toBeLessThan(12_000)
      } finally {
        await context.replica.resumeReplay()
      }
    })

    test('monotonic: what was read in one region is not unread in another', async () => {
      const { app } = await context.app({ consistency: 'monotonic' })
      const id = await context.newRow(1)
      const read = (region: string, token?: string) =>
        app.send(region, (subject) => context.valueOf(subject, id), { token })
      await context.replica.pauseReplay()
      try {
        const other = await context.open(home)
        await other.query(`update conformance set value = 2 where id = ${id}`)
        const seen = await read(home)
        expect(seen).toMatchObject({ value: 2, token: expect.any(String) })
        expect(await read(away)).toMatchObject({ value: 1, way: [away] })
        expect(await read(away, seen.token)).toMatchObject({ value: 2, way: [away, home] })
      } finally {
        await context.replica.resumeReplay()
      }
    })
  })
}
