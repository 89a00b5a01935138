import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from '@jest/globals'
import { eventually } from '../eventually.ts'
import { type App, retryAfter } from './app.ts'
import { type Context, home } from './context.ts'
import { openRemote, page, read, remote } from './remote.ts'

const isUnavailable = { status: 503, retryAfter }

/** A primary across an ocean that is gone, or hangs, and comes back, where there is nothing but that primary. */
export function remoteOutages(context: Context): void {
  if (!context.has('distance')) return

  describe('where no replica is near, and the primary is gone', () => {
    context.testWith('dying', 'a primary that is gone: 503 at once, and the way back', async () => {
      await using remotely = await openRemote(context)
      const { app, far } = remotely
      expect(await app.send(remote, read)).toMatchObject({ status: 200, way: [remote] })
      await context.primary.kill()
      try {
        for (let count = 0; count < 3; count++) {
          expect(await inTime(app.send(remote, read))).toMatchObject(isUnavailable)
          expect(await inTime(app.send(remote, page))).toMatchObject(isUnavailable)
          const write = app.send(remote, (subject) => subject.query(context.insert(0)), { method: 'POST' })
          expect(await inTime(write)).toMatchObject({ ...isUnavailable, way: [remote, home] })
        }
        await expect(inTime(far.query('select 1'))).rejects.toThrow()
      } finally {
        await context.primary.start()
      }
      await comesBack(app)
    })

    context.testWith('hanging', 'a primary that hangs: 503 in bounded time, and the way back', async () => {
      await using remotely = await openRemote(context, { placement: 'direct' })
      const { app, ocean } = remotely
      expect(await app.send(remote, read)).toMatchObject({ status: 200, way: [remote] })
      const mark = context.nextMark()
      context.primary.pauseProcess()
      try {
        // More of them than there are connections: some wait for a new one, some for an answer.
        const reads = Array.from({ length: 4 }, () =>
          inTime(app.send(remote, (subject) => subject.query(`select ${mark}`))),
        )
        for (const answer of await Promise.all(reads)) expect(answer).toMatchObject({ ...isUnavailable, way: [remote] })
        expect(ocean.timesSent(mark)).toBeLessThanOrEqual(4)
      } finally {
        context.primary.resumeProcess()
      }
      await comesBack(app)
    })
  })
}

function comesBack(app: App): Promise<void> {
  return eventually(async () => expect(await app.send(remote, read)).toMatchObject({ status: 200, way: [remote] }))
}

/** An answer that is not waited for any longer than a client would. */
function inTime<T>(answer: Promise<T>): Promise<T> {
  return Promise.race([
    answer,
    sleep(15_000, undefined, { ref: false }).then((): never => {
      throw new Error('No answer in 15 s')
    }),
  ])
}
