import { isPrimaryRequired, runWithToken } from '@flyroute/core'
import { describe, expect, test } from '@jest/globals'
import { eventually } from '../eventually.ts'
import type { AdapterUnderTest, Subject } from './adapter.ts'
import { App, retryAfter } from './app.ts'
import { away, Context, home, rejection } from './context.ts'
import { Wire } from './wire.ts'

/** A replica takes over while the primary before it goes on as if nothing had happened. On a cluster of its own. */
export function takeover(adapter: AdapterUnderTest): void {
  describe('takeover', () => {
    const reason = adapter.without?.promotion
    if (reason === undefined) withTwoPrimaries(new Context(adapter))
    else test.skip(`two primaries (${reason})`, () => undefined)
  })
}

function withTwoPrimaries(context: Context): void {
  const isStale = { code: 'ERR_REPLAY_UNAVAILABLE', reason: 'stale-primary' }

  test('what may write, and loses its answer on a replica that has become the primary, is neither run again nor replayed', async () => {
    await using local = await Wire.to(context.replica.port)
    await using name = await Wire.to(context.primary.port)
    const env = context.env(away, { replica: local, primary: name })
    const opened = await Promise.all([1, 2, 3].map(() => context.open(away, { env, max: 1 })))
    const [job, transaction, request] = opened as [Subject, Subject, Subject]
    for (const subject of opened) await context.knowsRoutines(subject)
    await context.replica.promote()
    // The name of the primary leads to the new one.
    name.port = context.replica.port

    const lost = async (run: (sql: string) => Promise<unknown>): Promise<unknown> => {
      const id = context.nextMark()
      local.cutAt(String(id))
      const error = await run(context.hiddenWrite(id))
      expect([local.timesSent(String(id)), name.timesSent(String(id))]).toEqual([1, 0])
      return error
    }
    const isLost = /terminated|ECONNRESET|closed|lost|connection error/i
    for (const run of [
      (sql: string) => rejection(job.query(sql)),
      (sql: string) => rejection(transaction.transaction((query) => query(sql))),
    ]) {
      const error = await lost(run)
      expect(isPrimaryRequired(error)).toBe(false)
      expect(String(error)).toMatch(isLost)
    }
    const app = new App({ [away]: request }, { replayBeforeHandler: [] })
    await lost(async (sql) => {
      const answer = await app.send(away, (subject) => subject.query(sql))
      // Once the process knows that this is the primary now, it says 503, with the token of a write that may have happened.
      expect(answer.way).toEqual([away])
      if (answer.status === 503) return
      expect(answer).toMatchObject({ status: 500, token: undefined })
      expect(String(answer.error)).toMatch(isLost)
    })
    for (const subject of opened) await context.end(subject)
  })

  /** The app at home, connected to the primary that was, whose name leads to the new one by now. */
  async function behindTheTimes(
    max: number,
    work: (app: App, near: Subject, takeOver: () => void, name: Wire) => Promise<unknown>,
  ): Promise<void> {
    await using name = await Wire.to(context.primary.port)
    const near = await context.open(home, { env: context.env(home, { primary: name }), max })
    expect(await context.portOf(near)).toBe(context.primary.port)
    await work(
      new App({ [home]: near }),
      near,
      () => {
        name.port = context.replica.port
      },
      name,
    )
    await context.end(near)
  }

  /** The token of a write that only the new primary has. */
  async function newToken(): Promise<string> {
    const app = new App({ [away]: await context.open(away) }, { replayBeforeHandler: [] })
    let token: string | undefined
    await eventually(async () => {
      const answer = await app.send(away, (subject) => subject.query(context.insert(context.nextId(), 1)))
      expect(answer).toMatchObject({ status: 200, way: [away], token: expect.any(String) })
      token = answer.token
    })
    return token as string
  }

  test('the primary that was answers no reader of the new one: not a statement, not within a transaction', async () => {
    const token = await newToken()
    await behindTheTimes(2, async (app, near) => {
      const read = (): Promise<unknown> => runWithToken(token, () => near.query('select 1'))
      expect(await rejection(read())).toMatchObject(isStale)
      const within = near.transaction(async (query) => {
        await query('select 1')
        return runWithToken(token, () => query('select 2'))
      })
      expect(await rejection(within)).toMatchObject(isStale)
      const answer = await app.send(home, (subject) => subject.query('select 1'), { token })
      expect(answer).toMatchObject({ status: 503, way: [home], retryAfter })
    })
  })

  context.testWith(
    'closing',
    'and is left as soon as a reader shows it: the next statement goes where its name leads',
    async () => {
      const token = await newToken()
      await behindTheTimes(1, async (app, near, takeOver) => {
        // What it asks on is connected to the primary that was as well.
        await near.database.replication.status()
        takeOver()
        const read = () => app.send(home, (subject) => context.portOf(subject), { token })
        expect(await read()).toMatchObject({ status: 503, way: [home], retryAfter })
        // Sooner than the name is looked up again for other reasons.
        await eventually(
          async () => expect(await read()).toMatchObject({ status: 200, value: context.replica.port }),
          4_500,
        )
        expect(await context.portOf(near)).toBe(context.replica.port)
      })
    },
  )

  const { epochs } = context.dialect
  const knownByEpoch = 'where no token asks, it is left once any connection has met the new one'
  if (!epochs) test.skip(`${knownByEpoch} (positions of this database tell of no takeover)`, () => undefined)
  else {
    test(knownByEpoch, () =>
      behindTheTimes(3, async (_, near, takeOver, name) => {
        const held = near.transaction(async (query) => {
          const mark = context.nextMark()
          await query(`select ${mark}`)
          takeOver()
          name.cutAllBut(String(mark))
          let refusal: unknown
          await eventually(async () => {
            expect(await context.portOf(near)).toBe(context.replica.port)
            refusal = await query('select 1').then(
              () => undefined,
              (error: unknown) => error,
            )
            return refusal !== undefined
          })
          throw refusal
        })
        expect(await rejection(held)).toMatchObject(isStale)
        const ports = await Promise.all([context.portOf(near), context.portOf(near)])
        expect(ports).toEqual([context.replica.port, context.replica.port])
      }),
    )
  }
}
