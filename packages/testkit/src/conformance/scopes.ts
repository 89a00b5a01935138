import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { describe, expect, test } from '@jest/globals'
import { away, type Context, home, rejection } from './context.ts'

/** What belongs to which request, and what happens outside of any. */
export function scopes(context: Context): void {
  describe('scopes', () => {
    test('with more requests than connections, each refusal belongs to the request that caused it', async () => {
      const { app } = await context.app({ replayBeforeHandler: [] }, { max: 2 })
      const ids = Array.from({ length: 20 }, () => context.nextId())
      const answers = await Promise.all(
        ids.map((id, i) =>
          app.send(away, async (subject) => {
            await subject.query('select 1')
            // Swallowed: only the scope knows whose it was.
            if (i % 2 === 0) await subject.query(context.insert(id, i)).catch(() => undefined)
            return subject.transaction(async (query) => context.portOf({ query }))
          }),
        ),
      )
      expect(answers.map(({ way }) => way.length)).toEqual(ids.map((_, i) => (i % 2 === 0 ? 2 : 1)))
      expect(await Promise.all(ids.map((id) => context.valueOnPrimary(id)))).toEqual(
        ids.map((_, i) => (i % 2 === 0 ? i : undefined)),
      )
    })

    test('and each token belongs to the request that wrote', async () => {
      const { app } = await context.app({}, { max: 2 })
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          app.send(home, async (subject) => {
            await subject.query('select 1')
            if (i % 2 === 0) await subject.query(context.insert(context.nextId()))
            await subject.query('select 1')
          }),
        ),
      )
      expect(answers.map(({ token }) => token !== undefined)).toEqual(answers.map((_, i) => i % 2 === 0))
    })

    context.testWith(
      'primary-connection',
      'runOnPrimary holds for what runs in it, however busy the pool',
      async () => {
        const far = await context.open(away, { max: 2 })
        const ports = await Promise.all(
          Array.from({ length: 20 }, (_, i) => {
            const ask = (): Promise<number> => context.portOf(far)
            return i % 2 === 0 ? ask() : runOnPrimary(ask)
          }),
        )
        expect(ports).toEqual(ports.map((_, i) => (i % 2 === 0 ? context.replica.port : context.primary.port)))
      },
    )

    test('outside of any request a write is refused, and the message says what to do', async () => {
      const far = await context.open(away)
      const error = await rejection(far.query(context.insert(context.nextId())))
      expect(isPrimaryRequired(error)).toBe(true)
      expect(String(error)).toMatch(
        context.has('primary-connection')
          ? /runOnPrimary\(fn\).*outsideRequest: 'primary'/
          : /run it on the primary's machine, or send it there as a request/,
      )
    })

    context.testWith('primary-connection', "… or runs on the primary, with outsideRequest: 'primary'", async () => {
      const far = await context.open(away, { outsideRequest: 'primary' })
      const [one, two] = [context.nextId(), context.nextId()]
      await far.query(context.insert(one, 1))
      await far.transaction(async (query) => {
        await query(context.insert(two, 2))
        expect(await context.valueOf({ query }, two)).toBe(2)
      })
      expect([await context.valueOnPrimary(one), await context.valueOnPrimary(two)]).toEqual([1, 2])
      expect(await context.portOf(far)).toBe(context.replica.port)
    })

    context.testWith(
      'primary-connection',
      'what cannot be replayed writes from here, and then reads what it wrote',
      async () => {
        const { app } = await context.app({ replayBeforeHandler: [], maxReplayBodyBytes: 10 })
        const id = context.nextId()
        await context.replica.pauseReplay()
        try {
          const answer = await app.send(
            away,
            async (subject) => {
              const before = await context.portOf(subject)
              await subject.transaction((query) => query(context.insert(id, 9)))
              return [before, await context.valueOf(subject, id), await context.portOf(subject)]
            },
            { method: 'POST', body: 'more than ten bytes', headers: { 'content-length': '19' } },
          )
          expect(answer).toMatchObject({ status: 200, way: [away], token: expect.any(String) })
          expect(answer.value).toEqual([context.replica.port, 9, context.primary.port])
        } finally {
          await context.replica.resumeReplay()
        }
      },
    )

    context.testWith('primary-connection', 'after a write of its own a request is not replayed any more', async () => {
      const { app } = await context.app({ replayBeforeHandler: [] })
      const [one, two] = [context.nextId(), context.nextId()]
      const answer = await app.send(away, async (subject) => {
        await runOnPrimary(() => subject.query(context.insert(one, 1)))
        await subject.query(context.insert(two, 2))
      })
      expect(answer).toMatchObject({ status: 200, way: [away] })
      expect([await context.valueOnPrimary(one), await context.valueOnPrimary(two)]).toEqual([1, 2])
    })
  })
}
