import { channel } from 'node:diagnostics_channel'
import { type FlyrouteEvents, runOnPrimary } from '@flyroute/core'
import { describe, expect, test } from '@jest/globals'
import { away, type Context, home, rejection } from './context.ts'

type Told = FlyrouteEvents['statement']

/** What is told of statements: each that a server has got, once, and none of flyroute's own questions. */
export function telling(context: Context): void {
  const { name: dialect } = context.dialect
  const read = { dialect, server: 'local', access: 'read', reason: 'select', code: undefined }

  describe('telling', () => {
    test('a read is told, with how long it took', async () => {
      const far = await context.open(away)
      const { port, sleep = port } = context.dialect
      await far.query(port)
      const [told, ...more] = await toldOf(() => far.query(sleep))
      expect(told).toMatchObject(read)
      expect(told?.durationMs).toBeGreaterThan(sleep === port ? 0 : 500)
      expect(more).toEqual([])
    })

    test('so is each statement of a transaction', async () => {
      const far = await context.open(away)
      await context.portOf(far)
      const told = await toldOf(() => far.transaction(async (query) => context.portOf({ query })))
      expect(told.map(({ reason, server }) => `${reason} ${server}`)).toEqual([
        'begin local',
        'select local',
        'commit local',
      ])
    })

    test('a write in a request is told once, and the question for its position is not', async () => {
      const { app } = await context.app({ replayBeforeHandler: [] })
      const id = context.nextId()
      const told = await toldOf(() => app.send(away, (subject) => subject.query(context.insert(id))))
      expect(told).toMatchObject([{ ...read, access: 'write', reason: 'insert' }])
    })

    test('outside of requests the same, wherever it is', async () => {
      const near = await context.open(home)
      await context.portOf(near)
      const id = context.nextId()
      const told = await toldOf(async () => {
        await near.query(context.insert(id))
        await context.valueOf(near, id)
      })
      expect(told.map(({ reason, server }) => `${reason} ${server}`)).toEqual(['insert local', 'select local'])
    })

    test('what was refused has reached no server; what a server refuses is told with its code', async () => {
      const far = await context.open(away)
      await context.portOf(far)
      expect(await toldOf(() => rejection(far.query(context.insert(context.nextId()))))).toEqual([])
      const [told, ...more] = await toldOf(() => rejection(far.query('select nothing from nowhere')))
      // Some engines refuse it before it runs.
      if (dialect === 'sqlite') return expect(told).toBeUndefined()
      expect(told).toMatchObject({ ...read, code: expect.any(String) })
      expect(more).toEqual([])
    })

    test('so is what fails in a transaction', async () => {
      const far = await context.open(away)
      await context.portOf(far)
      const wrong = 'select nothing from nowhere'
      const told = await toldOf(() => rejection(far.transaction((query) => query(wrong))))
      const failed = told.filter(({ code }) => code !== undefined)
      expect(failed).toMatchObject(dialect === 'sqlite' ? [] : [{ ...read, code: expect.any(String) }])
    })

    context.testWith('primary-connection', 'what goes to the primary is told so', async () => {
      const far = await context.open(away)
      const id = context.nextId()
      const told = await toldOf(() => runOnPrimary(() => far.query(context.insert(id))))
      expect(told).toMatchObject([{ ...read, server: 'primary', access: 'write', reason: 'insert' }])
    })
  })
}

async function toldOf(run: () => Promise<unknown>): Promise<Told[]> {
  const told: Told[] = []
  const listen = (message: unknown): unknown => told.push(message as Told)
  channel('flyroute:statement').subscribe(listen)
  try {
    await run()
  } finally {
    channel('flyroute:statement').unsubscribe(listen)
  }
  return told
}
