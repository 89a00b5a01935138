import { setTimeout as sleep } from 'node:timers/promises'
import { runWithToken } from '@flyroute/core'
import { describe, expect, test } from '@jest/globals'
import { away, type Context, home, rejection } from './context.ts'

/** Positions after writes, and what a reader who carries one gets to see. */
export function tokens(context: Context): void {
  describe('tokens', () => {
    test('come from writes, in whichever form, and not from reads or from what failed', async () => {
      const { app } = await context.app()
      const id = await context.newRow(0)
      const token = async (sql: string): Promise<boolean> =>
        (await app.send(home, (subject) => subject.query(sql).catch(() => undefined))).token !== undefined
      expect(await token(context.insert(context.nextId()))).toBe(true)
      expect(await token(`update conformance set value = value + 1 where id = ${id}`)).toBe(true)
      // As long as it is not known which views write, it counts as a write: that is for a moment.
      while (await token(`select value from conformance where id = ${id}`)) await sleep(5)
      expect(await token(context.insert(id))).toBe(false)
      const transaction = await app.send(home, (subject) =>
        subject.transaction((query) => query(context.insert(context.nextId()))),
      )
      expect(transaction.token).toEqual(expect.any(String))
      const reading = await app.send(home, (subject) => subject.transaction((query) => query('select 1')))
      expect(reading.token).toBeUndefined()
    })

    test('a client reads its own write, although the replica stands still', async () => {
      const { app } = await context.app()
      const id = await context.newRow(1)
      const read = (token?: string) => app.send(away, (subject) => context.valueOf(subject, id), { token })
      await context.replica.pauseReplay()
      try {
        const write = await app.send(home, (subject) =>
          subject.query(`update conformance set value = 2 where id = ${id}`),
        )
        expect(await read()).toMatchObject({ value: 1, way: [away] })
        expect(await read(write.token)).toMatchObject({ value: 2, way: [away, home], reason: 'stale' })
        await context.replica.resumeReplay()
        await context.cluster.caughtUp()
        expect(await read(write.token)).toMatchObject({ value: 2, way: [away] })
      } finally {
        await context.replica.resumeReplay()
      }
    })

    test('reads right after writes see them, again and again, and most of them locally', async () => {
      const { app } = await context.app({}, { replayCostMs: 2_000 })
      const id = await context.newRow(0)
      let local = 0
      for (let i = 1; i <= 25; i++) {
        const { token } = await app.send(
          away,
          (subject) => subject.query(`update conformance set value = ${i} where id = ${id}`),
          {
            method: 'POST',
          },
        )
        const answer = await app.send(away, (subject) => context.valueOf(subject, id), { token })
        expect(answer.value).toBe(i)
        if (answer.way.length === 1) local++
      }
      expect(local).toBeGreaterThanOrEqual(20)
    })

    test('currentToken() and waitFor(): resolves when the replica is there, rejects as stale when not', () =>
      context.behind(async ({ far, near, token }) => {
        const error = await rejection(far.database.replication.waitFor(token, { timeoutMs: 50 }))
        expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'stale' })
        const waiting = far.database.replication.waitFor(token, { timeoutMs: 10_000 })
        await context.replica.resumeReplay()
        await waiting
        await near.database.replication.waitFor(await far.database.replication.currentToken())
      }))

    test('waitFor() ends with its signal', () =>
      context.behind(async ({ far, token }) => {
        const signal = AbortSignal.timeout(30)
        const error = await rejection(far.database.replication.waitFor(token, { timeoutMs: 20_000, signal }))
        expect(error).toMatchObject({ name: 'TimeoutError' })
      }))

    context.testWith('waiting-statement', 'runWithToken() makes a job as fresh as the token', () =>
      context.behind(async ({ far, id, token }) => {
        const [job] = [runWithToken(token, () => context.valueOf(far, id)), await context.replica.resumeReplay()]
        expect(await job).toBe(2)
        expect(await runWithToken(token, () => far.transaction((query) => context.valueOf({ query }, id)))).toBe(2)
      }),
    )

    test('one that is malformed or of another cluster does no harm', async () => {
      const { app } = await context.app()
      const foreign = Buffer.from(JSON.stringify([['app', '1', 9, 'FFFFFFFF/0', Date.now()]])).toString('base64url')
      for (const token of ['', '1.', '1.e30', `1.${'A'.repeat(5_000)}`, `1.${foreign}`]) {
        const answer = await app.send(away, (subject) => context.portOf(subject), { token })
        expect(answer.status).toBe(200)
      }
    })
  })
}
