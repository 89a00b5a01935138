import { FlyrouteDialect } from '@flyroute/kysely'
import { type MysqlCluster, startMariadb } from '@flyroute/testkit'
import { inRequest } from '@flyroute/testkit/requests'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Kysely } from 'kysely'
import { mysqlDialect } from './support/dialects.ts'
import { versions } from './support/subject.ts'

// Which routines write the server tells, on a connection of the dialect: the app may have all of them.

let cluster: MysqlCluster
const opened: Kysely<unknown>[] = []
beforeAll(async () => {
  cluster = await startMariadb({ replicas: 1 })
  for (const text of [
    'create table app.item (id int primary key auto_increment, name varchar(40))',
    'create definer = app@`%` function app.port() returns int reads sql data return @@port',
    `create definer = app@\`%\` procedure app.add_quietly(n varchar(40)) modifies sql data
       begin declare continue handler for sqlexception select -1 as failed; insert into app.item (name) values (n); end`,
  ]) {
    await cluster.primary.query(text)
  }
  await cluster.caughtUp()
}, 120_000)
afterEach(async () => {
  for (const db of opened.splice(0)) await db.destroy()
})
afterAll(() => cluster?.dispose())

describe.each(Object.entries(versions))('Kysely %s, whose pools have one connection each', (_, version) => {
  /** Runs texts on one connection of an app in the replica's region. */
  async function run(...texts: string[]): Promise<unknown[]> {
    const primary = mysqlDialect(version, cluster.primary.url, 1)
    const replica = mysqlDialect(version, cluster.replicas[0]?.url as string, 1)
    const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }
    const db = new version.Kysely<unknown>({ dialect: new FlyrouteDialect({ primary, replica, env }) })
    opened.push(db)
    let rows: unknown[] = []
    const all = (): Promise<void> =>
      db.connection().execute(async (connection) => {
        for (const text of texts) rows = (await connection.executeQuery(version.CompiledQuery.raw(text))).rows
      })
    await inRequest(all, { obstacle: 'upgrade' })
    return rows
  }

  test('one that reads is called on the replica', async () => {
    expect(await run('select app.port() as port')).toEqual([{ port: cluster.replicas[0]?.port }])
  })

  test.each([
    ['nothing was set before', []],
    ['its session cannot be asked for us', ['set sql_select_limit = 1']],
  ])('one that would swallow the refusal is called on the primary, where %s', async (_, before) => {
    const [{ n }] = (await cluster.primary.query('select count(*) as n from app.item')) as [{ n: number }]
    await run(...before, "call app.add_quietly('q')")
    expect(await cluster.primary.query('select count(*) as n from app.item')).toEqual([{ n: n + 1 }])
  })
})
