import { startPostgres } from '@flyroute/lab/databases'
import { expect, test } from '@jest/globals'
import pg from 'pg'
import { postgres, schema } from './cases/postgres.ts'
import { postgresRefusal } from './refusals.ts'
import { disagreements, testVerdicts } from './verdicts.ts'

testVerdicts(postgres)

test('a hot standby does with each statement what the table says', async () => {
  await using cluster = await startPostgres({ replicas: 1, settings: { max_prepared_transactions: 2 } })
  const primary = new pg.Client(cluster.primary.adminUrl)
  await primary.connect()
  await primary.query(schema)
  await primary.end()
  await cluster.caughtUp()
  const standby = new pg.Client(cluster.replicas[0]!.adminUrl)
  await standby.connect()
  try {
    const found = await disagreements(postgres, async ({ sql, before }) => {
      for (const text of before) await standby.query(text)
      const outcome = await standby.query(sql).then(() => 'ran' as const, postgresRefusal)
      // In this order: as long as serializable is the default, a standby runs nothing but SET and RESET.
      for (const text of ['rollback', 'reset all', 'discard all']) await standby.query(text)
      return outcome
    })
    expect(found).toEqual([])
  } finally {
    await standby.end()
  }
})
