import { channel } from 'node:diagnostics_channel'
import { runOnPrimary } from '@flyroute/core'
import { describe, expect, test } from '@jest/globals'
import { away, type Context, home } from './context.ts'

/** Who answers what: reads locally, writes and `runOnPrimary` at the primary. */
export function routing(context: Context): void {
  describe('routing', () => {
    test('reads are answered by the local replica, and by the primary at home', async () => {
      const [far, near] = [await context.open(away), await context.open(home)]
      expect(await context.portOf(far)).toBe(context.replica.port)
      expect(await context.portOf(near)).toBe(context.primary.port)
      expect(await far.transaction(async (query) => context.portOf({ query }))).toBe(context.replica.port)
    })

    test('off Fly there is one server, and nothing else is looked at', async () => {
      const subject = await context.open(home, { env: { DATABASE_URL: context.primary.url } })
      const id = context.nextId()
      await subject.query(context.insert(id, 3))
      expect(await context.valueOf(subject, id)).toBe(3)
      expect(subject.database.replication.topology.role).toBe('primary')
    })

    test('a write is replayed once, runs at home, and is there', async () => {
      const { app } = await context.app({ replayBeforeHandler: [] })
      const id = context.nextId()
      const answer = await app.send(away, async (subject) => {
        await subject.query(context.insert(id, 7))
        return context.portOf(subject)
      })
      expect(answer).toMatchObject({ status: 200, way: [away, home], reason: 'write', value: context.primary.port })
      expect(await context.valueOnPrimary(id)).toBe(7)
    })

    test('a request whose method writes is replayed before its handler runs', async () => {
      const { app } = await context.app()
      const ran: number[] = []
      const answer = await app.send(away, async (subject) => ran.push(await context.portOf(subject)), {
        method: 'POST',
      })
      expect(answer).toMatchObject({ way: [away, home], reason: 'method' })
      expect(ran).toEqual([context.primary.port])
    })

    context.testWith(
      'primary-connection',
      'runOnPrimary talks to the primary, from wherever, and only inside',
      async () => {
        const far = await context.open(away)
        const id = context.nextId()
        const port = await runOnPrimary(async () => {
          await far.query(context.insert(id, 5))
          expect(await context.valueOf(far, id)).toBe(5)
          return far.transaction(async (query) => context.portOf({ query }))
        })
        expect(port).toBe(context.primary.port)
        expect(await context.portOf(far)).toBe(context.replica.port)
      },
    )

    test('status() says what the server is and where it stands', async () => {
      const [far, near] = [await context.open(away), await context.open(home)]
      const replica = await far.database.replication.status()
      expect(replica).toMatchObject({ role: 'replica', region: away, replicaUnavailable: false })
      expect(replica.position).toEqual(expect.any(String))
      expect(await near.database.replication.status()).toMatchObject({ role: 'primary', region: home })
    })

    context.testWith('servers', 'settings of a replica that lead to the primary are noticed and reported', async () => {
      const told: unknown[] = []
      const listen = (message: unknown): unknown => told.push(message)
      channel('flyroute:role-mismatch').subscribe(listen)
      try {
        // Written differently, so that only the server can tell.
        const url = context.primary.url.replace('127.0.0.1', 'localhost')
        const subject = await context.open(away, { env: { ...context.env(away), DATABASE_URL_AMS: url } })
        expect(await context.portOf(subject)).toBe(context.primary.port)
        expect(subject.database.replication.topology.role).toBe('primary')
        // Ahead of it comes what was told before there was a subscriber.
        expect(told.at(-1)).toMatchObject({ expected: 'replica', found: 'primary' })
        const id = context.nextId()
        await subject.query(context.insert(id, 1))
        expect(await context.valueOnPrimary(id)).toBe(1)
      } finally {
        channel('flyroute:role-mismatch').unsubscribe(listen)
      }
    })
  })
}
