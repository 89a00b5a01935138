import { setTimeout as sleep } from 'node:timers/promises'
import type { ReplayPolicyOptions } from '@flyroute/core'
import { describe, expect } from '@jest/globals'
import { whileItRuns } from '../attempts.ts'
import { eventually } from '../eventually.ts'
import { Together } from '../together.ts'
import type { Subject } from './adapter.ts'
import { App, type Work } from './app.ts'
import { type Context, home } from './context.ts'
import { openRemote, page, type Remote, read, remote, roundTripMs } from './remote.ts'

/** What a way costs is measured: a process that stands still takes all of them for longer. */
const calmly = (run: () => Promise<void>): Promise<void> => whileItRuns(run, roundTripMs / 4)

/** Where no replica is near: each request is served where that is cheapest, and what writes is served in the primary's region. */
export function distance(context: Context): void {
  const open = (options?: Omit<ReplayPolicyOptions, 'databases'>): Promise<Remote> => openRemote(context, options)

  describe('where no replica is near', () => {
    const together = new Together((title, run) => context.testWith('distance', title, run), calmly)
    together.test('a method that writes is replayed, and what else writes before it is sent', async () => {
      await using remotely = await open()
      const { app, ocean } = remotely
      const [posted, hidden] = [context.nextMark(), context.nextMark()]
      const write = (id: number) => (subject: Subject) => subject.query(context.insert(id, 1))
      expect(await app.send(remote, write(posted), { method: 'POST' })).toMatchObject({
        way: [remote, home],
        reason: 'method',
      })
      expect(await app.send(remote, write(hidden))).toMatchObject({
        status: 200,
        way: [remote, home],
        reason: 'write',
      })
      for (const id of [posted, hidden]) {
        expect(await context.valueOnPrimary(id)).toBe(1)
        expect(ocean.timesSent(id)).toBe(0)
      }
    })

    together.test('one read goes across, time and again', async () => {
      await using remotely = await open()
      for (let count = 0; count < 4; count++) {
        expect(await remotely.app.send(remote, read)).toMatchObject({ status: 200, way: [remote] })
      }
    })

    together.test('a second one is not waited for: replayed, and from then on ahead of the handler', async () => {
      await using remotely = await open()
      const { app, ocean } = remotely
      const mark = context.nextMark()
      const work: Work = async (subject) => {
        for (let count = 0; count < 5; count++) await subject.query(`select ${mark}`)
      }
      expect(await app.send(remote, work)).toMatchObject({ status: 200, way: [remote, home], reason: 'distance' })
      expect(ocean.timesSent(mark)).toBe(1)
      expect(await app.send(remote, work)).toMatchObject({ status: 200, way: [remote, home], reason: 'distance' })
      expect(ocean.timesSent(mark)).toBe(1)
    })

    together.test('reads that are sent together are one crossing', async () => {
      await using remotely = await open()
      const both: Work = (subject) => Promise.all([subject.query('select 1'), subject.query('select 2')])
      for (let count = 0; count < 3; count++) {
        expect(await remotely.app.send(remote, both)).toMatchObject({ status: 200, way: [remote] })
      }
    })

    together.test('a transaction is replayed where it begins, and nothing of it is sent', async () => {
      await using remotely = await open()
      const { app, ocean } = remotely
      const id = context.nextMark()
      const work: Work = (subject) =>
        subject.transaction(async (query) => {
          await query(`select ${id}`)
          await query(context.insert(id, 1))
        })
      expect(await app.send(remote, work)).toMatchObject({ status: 200, way: [remote, home], reason: 'write' })
      expect(await context.valueOnPrimary(id)).toBe(1)
      expect(ocean.timesSent(id)).toBe(0)
    })

    together.test('a route with a wait of its own is not made to wait twice', async () => {
      await using remotely = await open()
      const slow: Work = async (subject) => {
        await sleep(3 * roundTripMs)
        await subject.query('select 1')
        await subject.query('select 1')
      }
      expect(await remotely.app.send(remote, slow)).toMatchObject({ status: 200, way: [remote] })
      // It needs two: known before its wait, it is replayed.
      expect(await remotely.app.send(remote, slow)).toMatchObject({ status: 200, way: [remote, home] })
    })

    together.test('a route that changes settles within ten requests, whichever way', async () => {
      await using remotely = await open()
      const { app } = remotely
      const settle = async (work: Work, way: readonly string[]): Promise<void> => {
        const ways: string[] = []
        for (let count = 0; count < 12; count++) ways.push((await app.send(remote, work)).way.join())
        expect(new Set(ways.slice(10))).toEqual(new Set([way.join()]))
      }
      await settle(read, [remote])
      await settle(page, [remote, home])
      await settle(read, [remote])
    })

    together.test('who has written sees it', async () => {
      await using remotely = await open()
      const { app } = remotely
      const id = context.nextId()
      const { token } = await app.send(remote, (subject) => subject.query(context.insert(id, 3)), { method: 'POST' })
      const seen = await app.send(remote, (subject) => context.valueOf(subject, id), { token })
      expect(seen).toMatchObject({ status: 200, value: 3 })
    })

    together.test('placement fixes it: direct, or replay, for all or for each request', async () => {
      for (const [placement, work, way] of [
        ['direct', page, [remote]],
        ['replay', read, [remote, home]],
        [({ method }: { method: string }) => (method === 'GET' ? 'replay' : 'direct'), read, [remote, home]],
      ] as const) {
        await using remotely = await open({ placement })
        expect(await remotely.app.send(remote, work)).toMatchObject({ status: 200, way })
      }
    })

    together.test('a replay that comes back is served from here, and so are those after it', async () => {
      await using remotely = await open({ replayBeforeHandler: [] })
      const { far, ocean } = remotely
      // No machine runs in the primary's region.
      const app = new App({ [remote]: far }, {})
      const [mark, id] = [context.nextMark(), context.nextMark()]
      const work: Work = async (subject) => {
        for (let count = 0; count < 3; count++) await subject.query(`select ${mark}`)
        await subject.query(context.insert(id, 1))
      }
      expect(await app.send(remote, work, { comesBack: true })).toMatchObject({ status: 200, way: [remote, remote] })
      expect(await context.valueOnPrimary(id)).toBe(1)
      expect(await app.send(remote, page)).toMatchObject({ status: 200, way: [remote] })
      expect(ocean.timesSent(mark)).toBe(4)
    })

    const pools = new Together(
      (title, run) => (context.has('distance') ? context.testWith('pool', title, run) : undefined),
      calmly,
    )
    pools.test('where no connection is open a read is replayed, and one is opened meanwhile', async () => {
      await using remotely = await openRemote(context, {}, 0)
      const { app, ocean } = remotely
      const first = { status: 200, way: [remote, home], reason: 'distance' }
      expect(await app.send(remote, read)).toMatchObject(first)
      await eventually(async () => expect(await app.send(remote, read)).toMatchObject({ status: 200, way: [remote] }))
      const { connections } = ocean
      for (let count = 0; count < 3; count++) {
        expect(await app.send(remote, read)).toMatchObject({ status: 200, way: [remote] })
      }
      // All of them on the one that was opened.
      expect(ocean.connections).toBe(connections)
    })

    pools.test('a handler that has done much before goes on, and opens one', async () => {
      await using remotely = await openRemote(context, {}, 0)
      const slow: Work = async (subject) => {
        await sleep(12 * roundTripMs)
        await subject.query('select 1')
      }
      expect(await remotely.app.send(remote, slow)).toMatchObject({ status: 200, way: [remote] })
    })
  })
}
