import { isPrimaryRequired } from '@flyroute/core'
import { factsOf, readMysqlError } from '@flyroute/core/adapter'
import { createPool } from '@flyroute/mysql2/promise'
import type { MysqlCluster } from '@flyroute/testkit'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import mysql, { type Connection, type QueryError } from 'mysql2/promise'

/** What a server says to a statement: nothing, that it is read-only (R), or that the transaction is (T). */
type Word = 'runs' | 'R' | 'T'

interface Row {
  readonly sql: string
  /** On a read_only server, as a user who may do it but is no administrator. */
  readonly onReplica: Word
  /** In a read-only transaction on a primary. */
  readonly inReadOnly: Word
  readonly only?: 'mariadb' | 'mysql'
}

const row = (onReplica: Word, inReadOnly: Word, ...sqls: string[]): Row[] =>
  sqls.map((sql) => ({ sql, onReplica, inReadOnly }))
const mariadbRow = (...args: Parameters<typeof row>): Row[] => row(...args).map((r) => ({ ...r, only: 'mariadb' }))
const mysqlRow = (...args: Parameters<typeof row>): Row[] => row(...args).map((r) => ({ ...r, only: 'mysql' }))

const rows: readonly Row[] = [
  ...row(
    'R',
    'T',
    'insert into t values (7, 7)',
    'insert ignore into t values (1, 1)',
    'update t set v = v where false',
    'update t set v = 1 where id = 999',
    'delete from t where false',
    'replace into t values (1, 1)',
    'insert into t select 8, 8 from t where false',
    '/*!50000 insert */ into t values (7, 7)',
    'select * from t for update',
    'call writes()',
  ),
  ...mariadbRow('R', 'T', 'insert into t values (7, 7) returning id', 'delete from t where false returning id'),
  ...mysqlRow('R', 'T', 'with w as (select 1 as id) delete from t where id in (select id from w) and false'),
  ...row('R', 'T', 'explain delete from t where false'),
  ...mysqlRow('R', 'T', 'explain format=tree delete from t where false'),
  ...mariadbRow('R', 'T', 'analyze delete from t where false'),
  ...row('runs', 'runs', 'select * from t lock in share mode', 'select 1 into @a'),
  ...mysqlRow('runs', 'runs', 'select * from t for share', 'explain analyze select * from t'),
  ...mariadbRow('runs', 'runs', 'analyze select * from t'),
  ...row(
    'R',
    'runs',
    'create table if not exists t (id int)',
    'drop table if exists no_table',
    'alter table t comment = ""',
    'truncate table emptied',
    'create user if not exists refused_user',
    'grant select on app.* to app',
  ),
  ...row('runs', 'T', 'create temporary table if not exists temp (id int)'),
  ...row('runs', 'runs', 'lock tables t read', 'unlock tables'),
  ...row('R', 'runs', 'lock tables t write'),
  ...row(
    'runs',
    'runs',
    "select get_lock('a', 0)",
    'set @a = 1',
    'show tables',
    'use app',
    'check table t',
    'start transaction',
    'commit',
  ),
  ...row('R', 'runs', 'start transaction read write'),
  ...mariadbRow(
    'R',
    'T',
    'select nextval(s)',
    'select setval(s, 100)',
    "execute immediate 'delete from t where false'",
    'begin not atomic delete from t where false; end',
    'set statement max_statement_time = 9 for delete from t where false',
  ),
  ...mariadbRow('runs', 'runs', 'select lastval(s)'),
]

const setUp = [
  'create table app.t (id int primary key, v int)',
  'create table app.emptied (id int primary key)',
  'insert into app.t values (1, 1)',
  'grant create user on *.* to app',
  'grant all on app.* to app with grant option',
  "create definer = app@'%' procedure app.writes() modifies sql data delete from t where false",
]

/** The measured table of what a server refuses, row by row: on the wire, and through the adapter. */
export function describeRefusals(name: 'mariadb' | 'mysql', start: () => Promise<MysqlCluster>): void {
  describe(`the refusal table on ${name}`, () => {
    let cluster: MysqlCluster
    let replica: Connection
    let primary: Connection
    let pool: ReturnType<typeof createPool>
    beforeAll(async () => {
      cluster = await start()
      for (const sql of setUp) await cluster.primary.query(sql)
      if (name === 'mariadb') await cluster.primary.query('create sequence app.s')
      await cluster.caughtUp()
      replica = await mysql.createConnection(cluster.replicas[0]!.url)
      primary = await mysql.createConnection(cluster.primary.adminUrl)
      if (name === 'mariadb') for (const one of [replica, primary]) await one.query('select nextval(s)').catch(() => 0)
      const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: cluster.primary.url }
      pool = createPool({ env: { ...env, DATABASE_URL_AMS: cluster.replicas[0]!.url } })
    }, 60_000)
    afterAll(async () => {
      replica?.destroy()
      primary?.destroy()
      await pool?.end()
      await cluster?.dispose()
    })

    const listed = rows.filter(({ only = name }) => only === name)
    test.each(listed)('$sql: $onReplica on a replica, $inReadOnly in a read-only transaction', async (row) => {
      expect(await wordOf(replica, row.sql)).toBe(row.onReplica)
      await replica.query('unlock tables')
      await replica.query('rollback')
      await primary.query('start transaction read only')
      expect(await wordOf(primary, row.sql)).toBe(row.inReadOnly)
      await primary.query('unlock tables')
      await primary.query('rollback')
      const error = await pool.query(row.sql).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      // Advisory locks succeed on a replica and protect nothing there; reads that fail for want of rights fail as they are.
      // Where MariaDB logs temporary tables, what is made with them is refused later: they are made on the primary.
      const isLogged = name === 'mariadb' && row.sql.startsWith('create temporary')
      if (row.onReplica === 'R' || isLogged) expect(isPrimaryRequired(error)).toBe(true)
      else if (!row.sql.includes('get_lock')) expect(isPrimaryRequired(error)).toBe(false)
    })

    test('PREPARE of a write passes, its EXECUTE does not; in a read-only transaction neither', async () => {
      expect(await wordOf(replica, "prepare p from 'delete from t where false'")).toBe('runs')
      expect(await wordOf(replica, 'execute p')).toBe('R')
      await primary.query('start transaction read only')
      expect(await wordOf(primary, "prepare p from 'delete from t where false'")).toBe('T')
      await primary.query('rollback')
    })

    test('the same code for another option is no refusal', async () => {
      const error = Object.assign(new Error('… running with the --secure-file-priv option …'), { errno: 1290 })
      expect(readMysqlError(error)).toBeUndefined()
    })

    test('super_read_only says so in its own words', async () => {
      if (name === 'mariadb') return
      await cluster.replicas[0]!.settings({ super_read_only: 'ON' })
      const admin = await mysql.createConnection(cluster.replicas[0]!.adminUrl)
      expect(await wordOf(admin, 'delete from t where false')).toBe('R')
      admin.destroy()
      await cluster.replicas[0]!.settings({ super_read_only: 'OFF', read_only: 'ON' })
    })
  })
}

async function wordOf(connection: Connection, sql: string): Promise<string> {
  try {
    await connection.query(sql)
    return 'runs'
  } catch (error) {
    if (readMysqlError(error) !== 'refusal') return String((error as QueryError).message)
    return factsOf('mysql').isOfReadOnlyTransaction(error) ? 'T' : 'R'
  }
}
