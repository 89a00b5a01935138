import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from '@jest/globals'
import { App, retryAfter, tooLong } from './app.ts'
import { away, type Context, home } from './context.ts'
import { Wire } from './wire.ts'

/** The primary is lost in the middle of a statement: what became of it is not known, so that it is neither run again nor replayed. */
export function lostAnswers(context: Context): void {
  describe('lost answers', () => {
    for (const [name, run] of [
      ['a write', (sql: string) => sql],
      ['a read', (_: string, id: number) => `select value from conformance where id = ${id}`],
    ] as const) {
      context.testWith(
        'lost-answer',
        `${name} on the primary, from its own region: 503, and nothing is sent again`,
        async () => {
          await using wire = await Wire.to(context.primary.port)
          const near = await context.open(home, { env: context.env(home, { primary: wire }) })
          const app = new App({ [home]: near })
          const id = context.nextMark()
          await near.query('select 1')
          wire.cutAt(String(id))
          const answer = await app.send(home, (subject) => subject.query(run(context.insert(id, 1), id)))
          expect(answer).toMatchObject({ status: 503, way: [home], retryAfter })
          expect(wire.timesSent(String(id))).toBe(1)
          await context.end(near)
        },
      )
    }

    context.testWith('lost-answer', 'a write in a transaction on the primary: 503', async () => {
      await using wire = await Wire.to(context.primary.port)
      const near = await context.open(home, { env: context.env(home, { primary: wire }) })
      const app = new App({ [home]: near })
      const id = context.nextMark()
      wire.cutAt(String(id))
      const answer = await app.send(home, (subject) => subject.transaction((query) => query(context.insert(id, 1))))
      expect(answer).toMatchObject({ status: 503, way: [home], retryAfter })
      expect(wire.timesSent(String(id))).toBe(1)
      await context.end(near)
    })

    context.testWith(
      'lost-answer',
      'a write that is made on the primary from the region of a replica: 503',
      async () => {
        await using wire = await Wire.to(context.primary.port)
        const far = await context.open(away, { env: context.env(away, { primary: wire }) })
        const app = new App({ [away]: far }, { replayBeforeHandler: [], maxReplayBodyBytes: 10 })
        const id = context.nextMark()
        wire.cutAt(String(id))
        const answer = await app.send(away, (subject) => subject.query(context.insert(id, 1)), tooLong)
        expect(answer).toMatchObject({ status: 503, way: [away], retryAfter })
        expect(wire.timesSent(String(id))).toBe(1)
        expect(await context.portOf(far)).toBe(context.replica.port)
        await context.end(far)
      },
    )

    for (const lost of ['primary', 'replica'] as const) {
      context.testWith(
        'lost-answer',
        `a transaction that has moved, and loses its connection to the ${lost}, is there as a whole or not at all`,
        async () => {
          await using primary = await Wire.to(context.primary.port)
          await using replica = await Wire.to(context.replica.port)
          const env = context.env(away, { primary, replica })
          const far = await context.open(away, { env, max: 1, outsideRequest: 'primary' })
          const ids: number[] = []
          const outcome = await far
            .transaction(async (query) => {
              const insert = (): Promise<unknown> =>
                query(context.insert(ids[ids.push(context.nextId()) - 1] as number))
              await insert()
              ;({ primary, replica })[lost].cutAllBut('none')
              // The app goes on in spite of what it is told.
              for (let i = 0; i < 10; i++) {
                await insert().catch(() => undefined)
                await sleep(10)
              }
            })
            .then(
              () => 'committed',
              () => 'lost',
            )
          const there = await Promise.all(ids.map((id) => context.valueOnPrimary(id)))
          expect(there).toEqual(ids.map(() => (outcome === 'committed' ? 0 : undefined)))
          if (lost === 'primary') expect(outcome).toBe('lost')
          await context.end(far)
        },
      )
    }
  })
}
