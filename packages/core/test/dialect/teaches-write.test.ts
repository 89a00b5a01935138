import { factsOf } from '@flyroute/core/adapter'
import { startPostgres } from '@flyroute/lab/databases'
import { expect, test } from '@jest/globals'
import pg from 'pg'

const { postgres, mysql, sqlite } = {
  postgres: factsOf('postgres'),
  mysql: factsOf('mysql'),
  sqlite: factsOf('sqlite'),
}

test('a standby teaches what writes, and nothing of a setting, a privilege or a cancelled read', async () => {
  await using cluster = await startPostgres({ replicas: 1 })
  const admin = new pg.Client(cluster.primary.adminUrl)
  await admin.connect()
  for (const sql of ['create table t (n int)', 'create table hidden (n int)', 'create role guest'])
    await admin.query(sql)
  await admin.end()
  await cluster.caughtUp()
  const standby = new pg.Client(cluster.replicas[0]!.adminUrl)
  await standby.connect()
  const refusalOf = async (before: string, sql: string): Promise<readonly [string, boolean]> => {
    if (before !== '') await standby.query(before)
    const error: unknown = await standby.query(sql).then(
      () => new Error(`It ran: ${sql}`),
      (reason: unknown) => reason,
    )
    // In this order: as long as serializable is the default, a standby runs nothing but SET and RESET.
    for (const text of ['rollback', 'reset role', 'reset all', 'discard all']) await standby.query(text)
    return [(error as { code: string }).code, postgres.teachesWrite(error)]
  }
  try {
    for (const [before, sql, expected] of [
      ['', 'insert into t values (1)', ['25006', true]],
      ['', 'listen a', ['25006', true]],
      ['', 'select pg_current_wal_lsn()', ['55000', true]],
      ['', 'lock table t', ['25006', true]],
      ['set session characteristics as transaction isolation level serializable', 'select 1 from t', ['0A000', false]],
      ['', 'begin isolation level serializable', ['0A000', false]],
      ['set role guest', 'select * from hidden', ['42501', false]],
      ['', "select set_config('transaction_read_only', 'off', true)", ['25001', false]],
      ['', 'select * from nowhere', ['42P01', false]],
    ] as const) {
      expect([sql, ...(await refusalOf(before, sql))]).toEqual([sql, ...expected])
    }
  } finally {
    await standby.end()
  }
})

test.each([
  [1290, 'The MySQL server is running with the --read-only option so it cannot execute this statement', true],
  [1290, 'The MySQL server is running with the --secure-file-priv option so it cannot execute this statement', false],
  [1836, 'Running in read-only mode', true],
  // The session's own: it refuses what is written to a temporary table as well.
  [1792, 'Cannot execute statement in a READ ONLY transaction.', false],
  [1036, "Table 't' is read only", false],
  [1142, 'INSERT command denied to user', false],
  [1213, 'Deadlock found when trying to get lock', false],
])('MySQL: %d (%s) teaches: %p', (errno, message, teaches) => {
  expect(mysql.teachesWrite({ errno, sqlState: 'HY000', message })).toBe(teaches)
})

test('SQLite: only a read-only database teaches', () => {
  expect(sqlite.teachesWrite({ code: 'SQLITE_READONLY' })).toBe(true)
  expect(sqlite.teachesWrite({ code: 'SQLITE_IOERR_WRITE' })).toBe(false)
})
