import { setTimeout as sleep } from 'node:timers/promises'
import { runWithToken } from '@flyroute/core'
import type { DatabaseReplication } from '@flyroute/core/adapter'
import { describe, expect, test } from '@jest/globals'
import { eventually } from '../eventually.ts'
import { App } from './app.ts'
import { away, type Context, home } from './context.ts'
import { Wire } from './wire.ts'

/** How long (bytes) the word is with which a client ends an idle connection, in the protocols of Postgres and of MySQL. */
const goodbye = 5

/** A replica that is down, or hangs, and comes back. */
export function failures(context: Context): void {
  describe('failures', () => {
    context.testWith(
      'dying',
      'a dead replica: reads are replayed in a request, and made on the primary outside of one',
      async () => {
        const { app, far } = await context.app()
        const read = () => app.send(away, (subject) => context.portOf(subject))
        expect(await context.portOf(far)).toBe(context.replica.port)
        await context.replica.kill()
        try {
          const answers = await Promise.all(Array.from({ length: 10 }, read))
          for (const answer of answers) {
            expect(answer).toMatchObject({
              status: 200,
              way: [away, home],
              reason: 'unavailable',
              value: context.primary.port,
            })
          }
          const outside = await Promise.all(Array.from({ length: 10 }, () => context.portOf(far)))
          expect(new Set(outside)).toEqual(new Set([context.primary.port]))
          expect(await far.transaction((query) => context.portOf({ query }))).toBe(context.primary.port)
        } finally {
          await context.replica.start()
        }
        await eventually(async () => expect(await context.portOf(far)).toBe(context.replica.port))
        expect(await read()).toMatchObject({ status: 200, way: [away], value: context.replica.port })
      },
    )

    context.testWith('hanging', 'a job that waits for a replica that hangs goes on on the primary', () =>
      context.behind(async ({ far, id, token }) => {
        try {
          const job = runWithToken(token, () => context.valueOf(far, id))
          await eventually(() => (far.database.replication as DatabaseReplication).freshness.waiting > 0)
          context.replica.pauseProcess()
          expect(await job).toBe(2)
        } finally {
          context.replica.resumeProcess()
        }
      }),
    )

    context.testWith('dying', 'a restart under load: no request fails', async () => {
      const { app } = await context.app({}, { max: 4 })
      let over = false
      const load = Array.from({ length: 4 }, async () => {
        const failed: unknown[] = []
        while (!over) {
          const answer = await app.send(away, (subject) => context.portOf(subject))
          if (answer.status !== 200) failed.push(answer)
        }
        return failed
      })
      await context.replica.stop('immediate')
      await context.replica.start()
      over = true
      expect((await Promise.all(load)).flat()).toEqual([])
    })

    context.testWith('hanging', 'a replica that hangs is noticed, and left alone until it answers', async () => {
      const { app, far } = await context.app()
      expect(await context.portOf(far)).toBe(context.replica.port)
      context.replica.pauseProcess()
      try {
        const answers = await Promise.all(
          Array.from({ length: 5 }, () => app.send(away, (subject) => context.portOf(subject))),
        )
        for (const answer of answers) expect(answer).toMatchObject({ status: 200, way: [away, home] })
        // Before it was noticed, each took two seconds and more; a busy machine makes one late.
        const tookMs: number[] = []
        while (tookMs.length < 3 && !(Math.min(...tookMs) < 2_000)) {
          const begun = performance.now()
          expect((await app.send(away, (subject) => context.portOf(subject))).status).toBe(200)
          tookMs.push(performance.now() - begun)
        }
        expect(Math.min(...tookMs)).toBeLessThan(2_000)
      } finally {
        context.replica.resumeProcess()
      }
      await eventually(async () => expect(await context.portOf(far)).toBe(context.replica.port))
    })

    context.testWith(
      'hanging',
      'a server is asked once a statement has been under way for a second, and not before',
      async () => {
        await using wire = await Wire.to(context.replica.port)
        const far = await context.open(away, { env: context.env(away, { replica: wire }), max: 2 })
        await context.knowsRoutines(far)
        await far.database.replication.status()
        const sent: { text: string; at: number }[] = []
        wire.onSent = (text) => {
          if (text.length > goodbye) sent.push({ text, at: performance.now() })
        }
        // What it has to ask in any case is asked by then: it pauses for a second between two questions of one kind.
        await eventually(async () => {
          const mark = context.nextMark()
          await far.query(slowRead(context, mark, 0))
          await sleep(1_500)
          expect(sent.slice(sent.findIndex(({ text }) => text.includes(String(mark))))).toHaveLength(1)
        }, 15_000)
        const mark = context.nextMark()
        const [row] = await far.query(slowRead(context, mark, 3))
        // It answers, so that its long statement is left to run.
        expect(row).toMatchObject({ port: context.replica.port })
        const at = sent.findIndex(({ text }) => text.includes(String(mark)))
        const [statement, question] = sent.slice(at)
        const waitedMs = (question?.at ?? Number.NaN) - (statement?.at ?? Number.NaN)
        expect(waitedMs).toBeGreaterThan(950)
        expect(waitedMs).toBeLessThan(3_000)
        await context.end(far)
      },
    )

    if (context.dialect.name === 'postgres') {
      test('a read that replay cancels is made once on the primary, in a request and outside of one', async () => {
        await using name = await Wire.to(context.primary.port)
        await using local = await Wire.to(context.replica.port)
        const far = await context.open(away, { env: context.env(away, { primary: name, replica: local }), max: 1 })
        const app = new App({ [away]: far })
        await context.replica.query("alter system set max_standby_streaming_delay = '0'")
        await context.replica.query('select pg_reload_conf()')
        try {
          for (const run of [
            (sql: string) => far.query(sql),
            async (sql: string) => {
              const { status, way, value } = await app.send(away, (subject) => subject.query(sql))
              expect({ status, way }).toEqual({ status: 200, way: [away] })
              return value as { port: number }[]
            },
          ]) {
            const mark = context.nextMark()
            const reading = run(slowRead(context, mark, 1))
            reading.catch(() => undefined)
            await eventually(async () => {
              const sleeping = `select from pg_stat_activity where wait_event = 'PgSleep' and query like '%${mark}%'`
              expect(await context.replica.query(sleeping)).toHaveLength(1)
            })
            await context.primary.query('begin; lock table conformance in access exclusive mode; commit')
            expect(await reading).toMatchObject([{ port: context.primary.port }])
            expect([local, name].map((wire) => wire.timesSent(String(mark)))).toEqual([1, 1])
            expect(await context.portOf(far)).toBe(context.replica.port)
          }
        } finally {
          await context.replica.query('alter system reset max_standby_streaming_delay')
          await context.replica.query('select pg_reload_conf()')
        }
        await context.end(far)
      })
    }
  })
}

function slowRead(context: Context, id: number, seconds: number): string {
  const { slowRead: text } = context.dialect
  if (text === undefined) throw new Error('This database has no such statement')
  return text(id, seconds)
}
