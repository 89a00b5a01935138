import { channel } from 'node:diagnostics_channel'
import { FlyrouteDialect } from '@flyroute/kysely'
import { type MysqlCluster, startMariadb } from '@flyroute/testkit'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Kysely, sql } from 'kysely'
import { mysqlDialect } from './support/dialects.ts'
import { versions } from './support/subject.ts'

let cluster: MysqlCluster
beforeAll(async () => {
  cluster = await startMariadb({ replicas: 1 })
}, 60_000)
afterAll(() => cluster?.dispose())

test('a user who could write on the replica: said once, and what may write goes to the primary', async () => {
  const to = (url: string) => mysqlDialect(versions['0.29']!, url)
  const [replica] = cluster.replicas
  const dialect = new FlyrouteDialect({
    primary: to(cluster.primary.url),
    replica: to(replica!.adminUrl),
    env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' },
  })
  const db = new Kysely<unknown>({ dialect })
  const told: unknown[] = []
  const listen = (message: unknown): unknown => told.push((message as { message: string }).message)
  channel('flyroute:notice').subscribe(listen)
  try {
    const port = sql<{ port: number }>`select @@port as port`
    const ports = await Promise.all(Array.from({ length: 3 }, () => port.execute(db)))
    expect(ports.map(({ rows }) => rows)).toEqual(ports.map(() => [{ port: replica!.port }]))
    // On this server nothing but the guard keeps it away.
    const error = await sql`call nothing_that_is_there()`.execute(db).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'write' })
    expect(told.filter((text) => /would accept writes/.test(String(text)))).toHaveLength(1)
    expect(await dialect.replication.status()).toMatchObject({ role: 'replica', acceptsWrites: true })
  } finally {
    channel('flyroute:notice').unsubscribe(listen)
    await db.destroy()
  }
})
