import { type MysqlCluster, startMariadb, startMysql, whyNoMysql } from '@flyroute/lab/databases'
import { expect, test } from '@jest/globals'
import mysql2 from 'mysql2/promise'
import { mariadbSchema, mysql, schema } from './cases/mysql.ts'
import { ordinaryUser } from './ordinary-user.ts'
import { mysqlRefusal } from './refusals.ts'
import { disagreements, testVerdicts } from './verdicts.ts'

testVerdicts(mysql)

test('MariaDB under read_only does with each statement what the table says', async () => {
  await using cluster = await startMariadb()
  expect(await tryAll(cluster, [...schema, ...mariadbSchema])).toEqual([])
})

const why = await whyNoMysql()
const testMysql = why === undefined ? test : test.skip

testMysql(
  `MySQL under read_only does with each statement what the table says${why === undefined ? '' : ` (${why})`}`,
  async () => {
    await using cluster = await startMysql()
    expect(await tryAll(cluster, schema)).toEqual([])
  },
)

/** Makes the server read-only and runs all statements as a user who may not write nevertheless. */
async function tryAll(cluster: MysqlCluster, ddl: readonly string[]): Promise<string[]> {
  const admin = await mysql2.createConnection(cluster.primary.adminUrl)
  for (const sql of ddl) await admin.query(sql)
  const replica = await mysql2.createConnection({ uri: await ordinaryUser(cluster, admin), multipleStatements: true })
  try {
    const rows = mysql.filter(({ server }) => server === undefined || server === cluster.kind)
    return await disagreements(rows, async ({ sql, before }) => {
      for (const text of before) await replica.query(text)
      const outcome = await replica.query(sql).then(() => 'ran' as const, mysqlRefusal)
      await replica.reset()
      return outcome
    })
  } finally {
    await replica.end()
    await admin.end()
  }
}
