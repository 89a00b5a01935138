import { type MysqlCluster, startMariadb, startMysql, whyNoMysql } from '@flyroute/lab/databases'
import { expect, test } from '@jest/globals'
import mysql2 from 'mysql2/promise'
import { mariadbSchema, mysql, schema } from './cases/mysql.ts'
import { disagreements, type Outcome, testVerdicts } from './verdicts.ts'

testVerdicts(mysql)

test('MariaDB under read_only does with each statement what the table says', async () => {
  await using cluster = await startMariadb()
  expect(await tryAll(cluster, [...schema, ...mariadbSchema], 'super, read_only admin')).toEqual([])
})

const why = await whyNoMysql()
const testMysql = why === undefined ? test : test.skip

testMysql(
  `MySQL under read_only does with each statement what the table says${why === undefined ? '' : ` (${why})`}`,
  async () => {
    await using cluster = await startMysql()
    expect(await tryAll(cluster, schema, 'super, connection_admin')).toEqual([])
  },
)

/**
 * Makes the server read-only and runs all statements as a user who may do everything but write nevertheless.
 * @param exempting the privileges that would let one write
 */
async function tryAll({ kind, primary }: MysqlCluster, ddl: readonly string[], exempting: string): Promise<string[]> {
  const admin = await mysql2.createConnection(primary.adminUrl)
  for (const sql of [
    ...ddl,
    "create user ordinary identified by 'ordinary'",
    'grant all on *.* to ordinary with grant option',
    `revoke ${exempting} on *.* from ordinary`,
    'set global read_only = on',
  ]) {
    await admin.query(sql)
  }
  const url = new URL(primary.url)
  url.username = 'ordinary'
  url.password = 'ordinary'
  const replica = await mysql2.createConnection({ uri: url.href, multipleStatements: true })
  try {
    const rows = mysql.filter(({ server }) => server === undefined || server === kind)
    return await disagreements(rows, async ({ sql, before }) => {
      for (const text of before) await replica.query(text)
      const outcome = await replica.query(sql).then(() => 'ran' as const, refusal)
      await replica.reset()
      return outcome
    })
  } finally {
    await replica.end()
    await admin.end()
  }
}

/** Error 1290 is shared with other options. */
function refusal(error: Error & { errno?: number }): Outcome | Error {
  return error.errno === 1290 && error.message.includes('--read-only') ? 'refused' : error
}
