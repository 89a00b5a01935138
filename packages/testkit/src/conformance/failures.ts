import { runWithToken } from '@flyroute/core'
import type { DatabaseReplication } from '@flyroute/core/adapter'
import { describe, expect } from '@jest/globals'
import { away, type Context, eventually, home } from './context.ts'

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
        await eventually(async () => expect(await context.portOf(far)).toBe(context.replica.port), 5_000)
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
        const begun = performance.now()
        expect((await app.send(away, (subject) => context.portOf(subject))).status).toBe(200)
        // Before it was noticed, that took two seconds and more.
        expect(performance.now() - begun).toBeLessThan(2_000)
      } finally {
        context.replica.resumeProcess()
      }
      await eventually(async () => expect(await context.portOf(far)).toBe(context.replica.port), 8_000)
    })
  })
}
