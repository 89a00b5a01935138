import { runOnPrimary } from '@flyroute/core'
import { FlyrouteDialect } from '@flyroute/kysely'
import { type MysqlCluster, type MysqlNode, startMariadb } from '@flyroute/testkit'
import { inRequest, rejection } from '@flyroute/testkit/requests'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type Dialect, Kysely, MysqlDialect, sql } from 'kysely'
import { createConnection, createPool } from 'mysql2'

// What Kysely does with a statement on MariaDB whose signal aborts. On Postgres it is tried among what goes wrong with servers.

let cluster: MysqlCluster
const opened: Kysely<unknown>[] = []
beforeAll(async () => {
  cluster = await startMariadb({ replicas: 1 })
  await cluster.primary.query('create table app.item (id int primary key auto_increment, name varchar(40))')
  await cluster.caughtUp()
}, 120_000)
afterEach(async () => {
  for (const db of opened.splice(0)) await db.destroy()
})
afterAll(() => cluster?.dispose())

function open(controls: boolean): Kysely<unknown> {
  const dialectTo = (uri: string): Dialect =>
    new MysqlDialect({
      pool: createPool({ uri, connectionLimit: 2 }),
      ...(controls ? { controlConnection: createConnection as never } : {}),
    })
  const dialect = new FlyrouteDialect({
    primary: dialectTo(cluster.primary.url),
    replica: dialectTo(cluster.replicas[0]?.url as string),
    env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' },
  })
  const db = new Kysely<unknown>({ dialect })
  opened.push(db)
  return db
}

async function eventuallyRun(node: MysqlNode, text: string, times: number): Promise<void> {
  const question = 'select id from information_schema.processlist where info = ?'
  for (const until = Date.now() + 15_000; ; ) {
    const rows = await node.query(question, [text])
    if (rows.length === times) return
    if (Date.now() > until) expect(rows).toHaveLength(times)
  }
}

const places = {
  'on the replica': {
    node: () => cluster.replicas[0] as MysqlNode,
    text: 'select sleep(40)',
    run: (fn) => inRequest(fn),
  },
  'on the primary': { node: () => cluster.primary, text: 'select sleep(40) + 0', run: (fn) => runOnPrimary(fn) },
  'on the primary, in place of the replica': {
    node: () => cluster.primary,
    text: 'insert into item (name) select sleep(40)',
    run: (fn) => inRequest(fn, { obstacle: 'upgrade' }),
  },
} satisfies Record<string, { node(): MysqlNode; text: string; run(fn: () => Promise<unknown>): Promise<unknown> }>

describe.each([
  ['by a connection of its own', true],
  ['by one of the pool', false],
] as const)('%s', (_, controls) => {
  test.each(
    Object.entries(places).flatMap(([name, place]) =>
      (['cancel query', 'kill session'] as const).map((strategy) => [name, strategy, place] as const),
    ),
  )('%s: %s', async (_, inflightQueryAbortStrategy, { node, text, run }) => {
    const db = open(controls)
    const controller = new AbortController()
    const options = { signal: controller.signal, inflightQueryAbortStrategy }
    const failed = rejection(run(() => sql.raw(text).execute(db, options)))
    await eventuallyRun(node(), text, 1)
    controller.abort(new Error('enough'))
    expect(await failed).toMatchObject({ message: 'enough' })
    await eventuallyRun(node(), text, 0)
    expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
  })
})
