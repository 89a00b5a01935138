// What `createPool()` costs over a bare `pg.Pool`: the same statements on the same server, in turns. The bare pool runs
// twice; the difference between those two is the noise of the machine.
import { createActivity, createScope, runInScope } from '@flyroute/core/adapter'
import { startPostgres } from '@flyroute/lab/databases'
import { createPool } from '@flyroute/pg'
import pg, { type QueryConfig } from 'pg'
import { compare, optionsFrom, report } from './lib/compare.ts'

const workloads: readonly { title: string; query: QueryConfig }[] = [
  { title: '1 row', query: { text: 'select id, title from post where id = 7' } },
  {
    title: '1 row, named statement',
    query: { name: 'one', text: 'select id, title from post where id = $1', values: [7] },
  },
  { title: '1,000 rows', query: { text: 'select id, title from post order by id limit 1000' } },
]

const cluster = await startPostgres({ replicas: 1 })
const [replica] = cluster.replicas as [(typeof cluster.replicas)[number]]
const setUp = new pg.Client(cluster.primary.url)
await setUp.connect()
await setUp.query(
  "create table post as select id, 'Title ' || id as title from generate_series(1, 1000) id; alter table post add primary key (id); analyze post",
)
await setUp.end()
await cluster.caughtUp()

const env = {
  FLY_REGION: 'ams',
  PRIMARY_REGION: 'ord',
  DATABASE_URL: cluster.primary.url,
  DATABASE_URL_AMS: replica.url,
}
for (const clients of [1, 20]) {
  const settings = { max: clients, idleTimeoutMillis: 0 }
  const bare = new pg.Pool({ connectionString: replica.url, ...settings })
  const again = new pg.Pool({ connectionString: replica.url, ...settings })
  const ours = createPool({ env, ...settings })
  // Connections of its own as well: whoever takes over those of the one before finds their servers' caches warm.
  const inRequest = createPool({ env, ...settings })
  const pools = [bare, again, ours, inRequest]
  for (const { title, query } of workloads) {
    const figures = await compare(
      [
        { name: 'bare pg.Pool', run: () => bare.query(query) },
        { name: 'bare pg.Pool, again (noise)', run: () => again.query(query) },
        { name: 'createPool, outside a request', run: () => ours.query(query) },
        {
          name: 'createPool, in a request',
          run: () => inRequest.query(query),
          around: (work) => runInScope(createScope(createActivity('request')), work),
        },
      ],
      { clients, ...optionsFrom(process.argv) },
    )
    report(`${title}, ${clients === 1 ? '1 client' : `${clients} clients`}, on a replica`, figures)
  }
  await Promise.all(pools.map((pool) => pool.end()))
}
await cluster.dispose()
