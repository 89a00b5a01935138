import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { type PostgresCluster, startPgbouncer, startPostgres, whyNoPgbouncer } from '../src/databases.ts'

const missing = await whyNoPgbouncer()
if (missing !== undefined) console.warn(`Skipped: ${missing}`)
const whereItIs = missing === undefined ? describe : describe.skip

whereItIs('PgBouncer', () => {
  let cluster: PostgresCluster
  beforeAll(async () => {
    cluster = await startPostgres()
  }, 60_000)
  afterAll(() => cluster?.dispose())

  /** The server's processes that serve two clients at once, each asked twice. */
  async function backends(url: string): Promise<number[]> {
    const clients = [0, 1].map(() => new pg.Client({ connectionString: url }))
    const pids: number[] = []
    for (const client of clients) await client.connect()
    for (let count = 0; count < 2; count++) {
      for (const client of clients) {
        const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
        pids.push(rows[0]!.pid)
      }
    }
    for (const client of clients) await client.end()
    return pids
  }

  test('lends its connections to the server for a session, or for each transaction', async () => {
    await using session = await startPgbouncer({ to: cluster.primary, mode: 'session' })
    await using transaction = await startPgbouncer({ to: cluster.primary, mode: 'transaction' })
    const [one, two, ...again] = await backends(session.url)
    expect(one).not.toBe(two)
    expect(again).toEqual([one, two])
    expect(new Set(await backends(transaction.url)).size).toBe(1)
  })

  test('is gone when it is disposed of', async () => {
    const pooler = await startPgbouncer({ to: cluster.primary, mode: 'session' })
    await pooler.dispose()
    const client = new pg.Client({ connectionString: pooler.url })
    await expect(client.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('a setting that it does not know is an error that says so', async () => {
    const starting = startPgbouncer({ to: cluster.primary, mode: 'session', settings: { nonsense: 1 } })
    await expect(starting).rejects.toThrow(/PgBouncer did not start:[\s\S]*nonsense/)
  })
})
