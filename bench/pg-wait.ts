// How long after a position is there a wait for it ends, and how many questions that takes: by pauses (Postgres 18), and by a
// server that waits by itself (19). Replay is held back on purpose, so it is known when the position comes.
import { startPostgres, whyNoPostgres } from '@flyroute/lab/databases'
import { createPool } from '@flyroute/pg'
import pg from 'pg'

const short = process.argv.includes('--short')
const delays = [5, 15, 50, 200, 500]

let questions = 0
const query = pg.Client.prototype.query as (...values: unknown[]) => unknown
pg.Client.prototype.query = function (this: pg.Client, ...values: unknown[]): unknown {
  const [config] = values as [{ text?: string } | string]
  const text = typeof config === 'string' ? config : config.text
  if (text?.includes('pg_last_wal_replay_lsn()::text')) questions++
  return query.apply(this, values)
} as typeof pg.Client.prototype.query

async function measure(title: string, version: number | undefined): Promise<void> {
  await using cluster = await startPostgres({ replicas: 1, ...(version === undefined ? {} : { version }) })
  const [replica] = cluster.replicas as [(typeof cluster.replicas)[number]]
  const env = {
    FLY_REGION: 'ams',
    PRIMARY_REGION: 'ord',
    DATABASE_URL: cluster.primary.url,
    DATABASE_URL_AMS: replica.url,
  }
  const far = createPool({ env })
  const near = createPool({ env: { ...env, FLY_REGION: 'ord' } })
  await cluster.primary.query('create table item (id int)')
  await cluster.caughtUp()
  for (const delay of delays) {
    await replica.setApplyDelay(delay)
    const lates: number[] = []
    const counts: number[] = []
    for (let round = 0; round < (short ? 5 : 30); round++) {
      await cluster.primary.query('insert into item values (1)')
      const begun = performance.now()
      const token = await near.replication.currentToken()
      questions = 0
      await far.replication.waitFor(token, { timeoutMs: 30_000 })
      lates.push(performance.now() - begun - delay)
      counts.push(questions)
    }
    const [middle, late] = [0.5, 0.9].map((part) => at(lates, part).toFixed(1))
    console.log(`${title}, held back for ${delay} ms: ${middle} ms late (p90 ${late} ms), ${at(counts, 0.5)} questions`)
  }
  await Promise.all([far.end(), near.end()])
}

function at(values: number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN
}

await measure('by pauses', undefined)
const missing = await whyNoPostgres(19)
if (missing === undefined) await measure('by the server', 19)
else console.log(`by the server: not measured. ${missing}`)
