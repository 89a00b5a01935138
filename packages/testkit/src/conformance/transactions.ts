import { isPrimaryRequired } from '@flyroute/core'
import { describe, expect, test } from '@jest/globals'
import { tooLong, type Work } from './app.ts'
import { away, type Context, home, rejection } from './context.ts'

/** Transactions: on one connection from beginning to end, and whole or not at all. */
export function transactions(context: Context): void {
  describe('transactions', () => {
    test('one that turns into a write half-way is replayed as a whole', async () => {
      const { app } = await context.app({ replayBeforeHandler: [] })
      const id = await context.newRow(10)
      const answer = await app.send(away, (subject) =>
        subject.transaction(async (query) => {
          const value = await context.valueOf({ query }, id)
          await query(`update conformance set value = ${(value ?? 0) + 1} where id = ${id}`)
          return context.portOf({ query })
        }),
      )
      expect(answer).toMatchObject({ status: 200, way: [away, home], value: context.primary.port })
      expect(await context.valueOnPrimary(id)).toBe(11)
    })

    test('a refused write leaves the connection usable, however often', async () => {
      const far = await context.open(away, { max: 2 })
      for (let i = 0; i < 10; i++) {
        const error = await rejection(
          far.transaction(async (query) => {
            await query('select 1')
            await query(context.insert(context.nextId()))
          }),
        )
        expect(isPrimaryRequired(error)).toBe(true)
      }
      expect(await context.portOf(far)).toBe(context.replica.port)
    })

    test('what follows a refused write in its transaction is refused too, and replayed although all was swallowed', async () => {
      const { app } = await context.app({ replayBeforeHandler: [] })
      const id = context.nextId()
      const afterwards: unknown[] = []
      const answer = await app.send(away, async (subject) => {
        await subject
          .transaction(async (query) => {
            await query('select 1')
            await query(context.insert(id, 4)).catch(() => undefined)
            afterwards.push(
              await query('select 2').then(
                () => 'ran',
                (error: unknown) => (isPrimaryRequired(error) ? 'refused' : error),
              ),
            )
          })
          .catch(() => undefined)
      })
      expect(answer.way).toEqual([away, home])
      expect(afterwards).toEqual(['refused', 'ran'])
      expect(await context.valueOnPrimary(id)).toBe(4)
    })

    test('COMMIT of a transaction in which a statement was refused ends it as with its driver, and not with the refusal', async () => {
      const far = await context.open(away, { max: 1 })
      const [one, two] = [context.nextId(), context.nextId()]
      for (const id of [one, two]) {
        const done = far.transaction(async (query) => {
          await query('select 1')
          expect(isPrimaryRequired(await rejection(query(context.insert(id))))).toBe(true)
          return 'done'
        })
        const { abortedCommit } = context.adapter
        if (abortedCommit === undefined) expect(await done).toBe('done')
        else expect(await rejection(done)).toMatchObject({ name: abortedCommit })
      }
      expect(await context.portOf(far)).toBe(context.replica.port)
      expect([await context.valueOnPrimary(one), await context.valueOnPrimary(two)]).toEqual([undefined, undefined])
    })

    test('what can run neither here nor by a replay is told to the client, whatever the app makes of the error', async () => {
      const { app } = await context.app({ replayBeforeHandler: [], maxReplayBodyBytes: 10 })
      const id = context.nextId()
      const statements = [context.insert(id), ...(context.has('hidden-write') ? [context.hiddenWrite(id)] : [])]
      for (const sql of statements) {
        const work: Work = (subject) =>
          subject
            .transaction(async (query) => {
              await query('select 1 from conformance')
              await query(sql)
            })
            .catch(() => {
              throw new Error('Something went wrong')
            })
        const answer = await app.send(away, work, tooLong)
        expect([sql, answer]).toMatchObject([sql, { status: 413, way: [away] }])
      }
      expect(await context.valueOnPrimary(id)).toBeUndefined()
    })

    const inTheLog = 'the log tells each from its beginning to its end, on either server'
    if (context.adapter.hasLog !== true) test.skip(`${inTheLog} (its driver has none)`, () => undefined)
    else {
      test(inTheLog, async () => {
        const begins = expect.stringMatching(/^(begin|start transaction)/i)
        const [near, far] = [await context.open(home), await context.open(away)]
        for (const subject of [near, far]) {
          const from = subject.logged?.length
          await subject.transaction((query) => query('select 1'))
          const fails = subject.transaction(async (query) => {
            await query('select 2')
            throw new Error('changed my mind')
          })
          await rejection(fails)
          expect(subject.logged?.slice(from)).toEqual([begins, 'select 1', 'commit', begins, 'select 2', 'rollback'])
        }
        if (!context.has('primary-connection')) return
        const moving = await context.open(away, { outsideRequest: 'primary' })
        const insert = context.insert(context.nextId())
        const from = moving.logged?.length
        await moving.transaction((query) => query(insert))
        expect(moving.logged?.slice(from)).toEqual([begins, insert, 'commit'])
      })
    }

    test('a rolled back write is not there and gives no token', async () => {
      const { app } = await context.app()
      const id = context.nextId()
      const answer = await app.send(home, async (subject) => {
        await rejection(
          subject.transaction(async (query) => {
            await query(context.insert(id))
            throw new Error('changed my mind')
          }),
        )
      })
      expect(answer).toMatchObject({ status: 200, token: undefined })
      expect(await context.valueOnPrimary(id)).toBeUndefined()
    })
  })
}
