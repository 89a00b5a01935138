import { channel } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from '@jest/globals'
import type { Query, Subject } from './adapter.ts'
import { retryAfter, type Work } from './app.ts'
import { away, type Context, home } from './context.ts'

/** Longer than a replayed request may hold a connection. */
const longMs = 600

/** What replayed requests leave under way. */
export function once(context: Context): void {
  describe('a request that was replayed', () => {
    context.testWith('servers', 'has the answers to its reads that were under way', async () => {
      const { app } = await context.app({}, { max: 2 })
      let shared: Promise<unknown> | undefined
      let inTransaction: Promise<unknown> | undefined
      const id = context.nextId()
      const { way } = await app.send(away, async (subject) => {
        // Both connections are open then: what comes next is sent at once, and is under way when the request is replayed.
        await Promise.all([subject.query('select 1'), subject.query('select 1')])
        // Such as a cache that is filled by whichever request comes first.
        shared ??= subject.query(context.dialect.sleep ?? '')
        if (inTransaction === undefined) {
          await new Promise<void>((begun) => {
            void subject.transaction(async (query) => {
              inTransaction = query(context.dialect.sleep ?? '')
              begun()
              await inTransaction
            })
          })
        }
        await subject.query(context.insert(id, 1))
      })
      expect(way).toEqual([away, home])
      expect(
        await Promise.race([Promise.all([shared, inTransaction]), sleep(20_000, 'open', { ref: false })]),
      ).not.toBe('open')
      expect(await context.valueOnPrimary(id)).toBe(1)
    })

    context.testWith('servers', 'and may have run before it comes back reads here, and writes nothing', async () => {
      const { app } = await context.app({}, { max: 2 })
      const back = { headers: { 'fly-replay-failed': 'instance=1;region=ord;reason=timeout' } }
      const id = context.nextId()
      expect(await app.send(away, (subject) => subject.query('select 1'), back)).toMatchObject({ status: 200 })
      const writes: Work[] = [
        (subject) => subject.query(context.insert(id, 1)),
        (subject) =>
          subject.transaction(async (query) => {
            await query('select 1')
            await query(context.insert(id, 1))
          }),
      ]
      for (const write of writes) expect(await app.send(away, write, back)).toMatchObject({ status: 503, retryAfter })
      expect(await context.valueOnPrimary(id)).toBeUndefined()
    })

    context.testWith('servers', 'and keeps a connection is told of, and the connection is home again', async () => {
      const told: unknown[] = []
      const listen = (message: unknown): unknown => told.push(message)
      const { app, far } = await context.app({}, { max: 2 })
      const id = context.nextId()
      channel('flyroute:connection-kept').subscribe(listen)
      try {
        const { way } = await app.send(away, async (subject) => {
          if (subject === far) {
            // A handler without `finally`: its transaction never ends.
            await new Promise<void>((begun) => {
              void subject.transaction(async (query) => {
                await query('select 1')
                begun()
                await new Promise(() => undefined)
              })
            })
          }
          await subject.query(context.insert(id, 1))
        })
        expect(way).toEqual([away, home])
        while (told.length === 0) await sleep(10)
        // Both of its connections serve again.
        await far.transaction((query) => far.query('select 1').then(() => query('select 2')))
        expect(told).toEqual([{ database: far.database.replication.topology.primary.database, inTransaction: false }])
      } finally {
        channel('flyroute:connection-kept').unsubscribe(listen)
      }
    })

    context.testWith('servers', 'does not take along the connection of the request behind it', async () => {
      const { app, far } = await context.app({}, { max: 1 })
      const id = context.nextId()
      let next: Promise<unknown> | undefined
      const { way } = await app.send(away, async (subject) => {
        await subject.transaction(async (query) => {
          await query('select 1')
          if (subject !== far) return
          // It waits for the only connection there is.
          next ??= app.send(away, () =>
            far.transaction(async (behind) => {
              await behind('select 1')
              await sleep(longMs)
              const [row] = await behind('select 2 as two')
              return Number(row?.['two'])
            }),
          )
          await sleep(20)
        })
        await subject.query(context.insert(id, 1))
      })
      expect(way).toEqual([away, home])
      expect(await next).toMatchObject({ status: 200, value: 2, way: [away] })
    })

    context.testWith('servers', 'does not keep the end of what it holds connections of', async () => {
      const { app, far } = await context.app({}, { max: 3 })
      const id = context.nextId()
      let goOn: () => void = () => undefined
      const late = new Promise<void>((resolve) => (goOn = resolve))
      let busy: Promise<unknown> | undefined
      let lateWork: Promise<unknown> | undefined
      let ended: Promise<void> | undefined
      const { way } = await app.send(away, async (subject) => {
        if (subject === far) {
          await hold(far, () => new Promise(() => undefined))
          await hold(far, (query) => (busy = query(context.dialect.sleep ?? '')))
          await hold(far, (query) => (lateWork = late.then(() => query('select 2'))))
        } else ended = context.end(far)
        await subject.query(context.insert(id, 1))
      })
      expect(way).toEqual([away, home])
      expect(await Promise.race([ended, sleep(6_000, 'open', { ref: false })])).toBeUndefined()
      // It was under way.
      await busy
      goOn()
      expect(await Promise.race([lateWork, sleep(100, 'open')])).toBe('open')
      expect(await context.valueOnPrimary(id)).toBe(1)
    })
  })
}

/** Begins a transaction and reads in it; resolves when that is done, while `work` goes on. */
function hold(subject: Subject, work: (query: Query) => Promise<unknown>): Promise<void> {
  return new Promise((begun, failed) => {
    subject
      .transaction(async (query) => {
        await query('select 1')
        const working = work(query)
        begun()
        await working
      })
      .catch(failed)
  })
}
