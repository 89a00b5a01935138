import { runOnPrimary } from '@flyroute/core'
import { createPool as createCallbackPool } from '@flyroute/mysql2'
import type { MysqlCluster, MysqlNode } from '@flyroute/testkit'
import { inRequest, rejection } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import { Kysely, MysqlDialect, sql } from 'kysely'
import mysql from 'mysql2'
import { eventually } from './support/eventually.ts'
import { Bench } from './support/open.ts'

const strategies = ['ignore query', 'cancel query', 'kill session'] as const
const inPlace = 'on the primary, in place of the replica'

/** What Kysely does with a statement whose signal aborts, over a pool of ours. */
export function describeAborts(name: string, start: () => Promise<MysqlCluster>): void {
  describe(`Kysely's abort strategies on ${name}`, () => {
    const bench = new Bench(start, ['create table app.item (id int primary key auto_increment, name varchar(40))'])

    function open(controls: boolean): Kysely<unknown> {
      const pool = createCallbackPool({ env: bench.env, connectionLimit: 2 })
      const controlConnection = mysql.createConnection as never
      const db = new Kysely<unknown>({
        dialect: new MysqlDialect({ pool: pool as never, ...(controls ? { controlConnection } : {}) }),
      })
      bench.onEnd(() => db.destroy())
      return db
    }

    const running = async (node: MysqlNode, text: string): Promise<number> =>
      (await node.query('select id from information_schema.processlist where info = ?', [text])).length

    const places = {
      'on the replica': { node: () => bench.replica, text: 'select sleep(?)', run: (fn) => inRequest(fn) },
      'on the primary': { node: () => bench.primary, text: 'select sleep(?) + 0', run: (fn) => runOnPrimary(fn) },
      [inPlace]: {
        node: () => bench.primary,
        text: 'insert into item (name) select sleep(?)',
        run: (fn) => inRequest(fn, { obstacle: 'upgrade' }),
      },
    } satisfies Record<string, { node(): MysqlNode; text: string; run(fn: () => Promise<unknown>): Promise<unknown> }>

    describe.each([
      ['by a connection of its own', true],
      ['by one of the pool', false],
    ] as const)('%s', (_, controls) => {
      const all = Object.keys(places).flatMap((place) => strategies.map((strategy) => [place, strategy] as const))
      test.each(all)('%s: %s', aborts)

      async function aborts(place: string, inflightQueryAbortStrategy: (typeof strategies)[number]): Promise<void> {
        const { node, text: template, run } = places[place as keyof typeof places]
        const db = open(controls)
        // What runs in the place of the connection that Kysely knows is not reached, and ends by itself: see docs/mysql.md.
        const isReached = place !== inPlace && inflightQueryAbortStrategy !== 'ignore query'
        const text = template.replace('?', isReached ? '40' : '3')
        const controller = new AbortController()
        const options = { signal: controller.signal, inflightQueryAbortStrategy }
        const failed = rejection(run(() => sql.raw(text).execute(db, options)))
        await eventually(async () => expect(await running(node(), text)).toBe(1))
        controller.abort(new Error('enough'))
        expect(await failed).toMatchObject({ message: 'enough' })
        if (!isReached) expect(await running(node(), text)).toBe(1)
        await eventually(async () => expect(await running(node(), text)).toBe(0))
        expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
      }
    })
  })
}
