import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { classify, type Dialect } from '@flyroute/core'
import { createClassifier } from '@flyroute/core/adapter'
import { startMysql, startPostgres, whyNoMysql } from '@flyroute/lab/databases'
import { expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import mysql2 from 'mysql2/promise'
import pg from 'pg'
import { ordinaryUser } from './ordinary-user.ts'
import { mysqlRefusal, postgresRefusal } from './refusals.ts'
import type { Outcome } from './verdicts.ts'

/** What an ORM sent while it migrated, wrote, read and locked; captured by bench/classify-orms. */
interface Capture {
  readonly orm: string
  readonly version: string
  readonly dialect: Dialect
  readonly statements: readonly { readonly sql: string; readonly values: readonly unknown[] }[]
}

const captures: Capture[] = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/orms.json'), 'utf8'))

/** Sends a statement to both servers. */
interface Pair {
  /** What the read-only one does with it. An error that is no refusal: it does not fit in here, outside of its transaction. */
  replica(sql: string, values: readonly unknown[]): Promise<Outcome | Error>
  primary(sql: string, values: readonly unknown[]): Promise<unknown>
}

/** Replays what each ORM sent, first on the replica, and compares that with the verdicts. */
async function replay(
  dialect: Dialect,
  { replica, primary }: Pair,
): Promise<{ wrong: string[]; compared: number; total: number }> {
  const classifier = createClassifier({ dialect })
  const wrong: string[] = []
  let compared = 0
  let total = 0
  for (const { orm, statements } of captures.filter((capture) => capture.dialect === dialect)) {
    for (const { sql, values } of statements) {
      const { access, reason, transaction } = classifier.classify(sql)
      const outcome = await replica(sql, values)
      total++
      if (!(outcome instanceof Error)) compared++
      if (outcome === (access === 'write' ? 'ran' : 'refused'))
        wrong.push(`${orm}: ${sql} was judged ${access} (${reason}) and ${outcome}`)
      // Each text was kept once, so that transactions do not pair up: the primary commits each statement.
      if (transaction === undefined) await primary(sql, values).catch(() => {})
    }
  }
  return { wrong, compared, total }
}

test('no statement of an ORM is unknown', () => {
  const unknown = captures.flatMap(({ dialect, statements }) =>
    statements.filter(({ sql }) => classify(sql, dialect).access === 'unknown').map(({ sql }) => sql),
  )
  expect(unknown).toEqual([])
})

test('a hot standby does with what the ORMs send what the verdicts say', async () => {
  await using cluster = await startPostgres({ replicas: 1 })
  const [primary, standby] = [new pg.Client(cluster.primary.adminUrl), new pg.Client(cluster.replicas[0]!.adminUrl)]
  await Promise.all([primary.connect(), standby.connect()])
  try {
    const result = await replay('postgres', {
      async replica(sql, values) {
        await cluster.caughtUp()
        const outcome = await standby.query(sql, [...values]).then(() => 'ran' as const, postgresRefusal)
        await standby.query('rollback')
        return outcome
      },
      primary: (sql, values) => primary.query(sql, [...values]),
    })
    expect(result.wrong).toEqual([])
    expect(result.compared / result.total).toBeGreaterThan(0.9)
  } finally {
    await Promise.all([primary.end(), standby.end()])
  }
})

const why = await whyNoMysql()
const testMysql = why === undefined ? test : test.skip

testMysql(
  `MySQL under read_only does with what the ORMs send what the verdicts say${why === undefined ? '' : ` (${why})`}`,
  async () => {
    await using cluster = await startMysql()
    const primary = await mysql2.createConnection(cluster.primary.adminUrl)
    const url = await ordinaryUser(cluster, primary)
    const replica = await mysql2.createConnection(url)
    try {
      const result = await replay('mysql', {
        async replica(sql, values) {
          const outcome = await replica.query(sql, [...values]).then(() => 'ran' as const, mysqlRefusal)
          await replica.query('rollback')
          return outcome
        },
        primary: (sql, values) => primary.query(sql, [...values]),
      })
      expect(result.wrong).toEqual([])
      expect(result.compared / result.total).toBeGreaterThan(0.9)
    } finally {
      await Promise.all([primary.end(), replica.end()])
    }
  },
)

test('SQLite judges what the ORMs send as the verdicts say', async () => {
  const database = new Database(':memory:')
  const result = await replay('sqlite', {
    async replica(sql) {
      try {
        return database.prepare(sql).readonly ? 'ran' : 'refused'
      } catch (error) {
        return error as Error
      }
    },
    primary: async (sql) => database.exec(sql),
  })
  database.close()
  expect(result.wrong).toEqual([])
  expect(result.compared / result.total).toBeGreaterThan(0.9)
})
