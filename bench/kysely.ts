// What `FlyrouteDialect` costs over the bare dialect: the same query, built and compiled by Kysely each time, on the same
// server, in turns, each in a process of its own. The bare one runs twice; the difference between those two is the noise of
// the machine.
import { startPostgres } from '@flyroute/lab/databases'
import pg from 'pg'
import { contenders, works } from './contenders/kysely.ts'
import { compareApart } from './lib/apart.ts'
import { effortFrom, report } from './lib/compare.ts'
import { leaveFirstCore } from './lib/cores.ts'
import { compareOnReplica } from './lib/on-replica.ts'

const module = import.meta.resolve('./contenders/kysely.ts')

leaveFirstCore()
const fromNowhere = await compareApart({
  module,
  settings: { clients: 1 },
  contenders: [...contenders, 'on the primary, outside a request', 'on the primary, in a request'],
  works: ['1 row'],
  clients: 1,
  ...effortFrom(process.argv),
})
for (const [work, figures] of fromNowhere) report(`${work} from nowhere: the work of the client alone`, figures)

const cluster = await startPostgres({ replicas: 1 })
const [replica] = cluster.replicas as [(typeof cluster.replicas)[number]]
const setUp = new pg.Client(cluster.primary.url)
await setUp.connect()
await setUp.query(
  "create table post as select id, 'Title ' || id as title from generate_series(1, 1000) id; alter table post add primary key (id); analyze post",
)
await setUp.end()
await cluster.caughtUp()

await compareOnReplica({ module, contenders, works: Object.keys(works) }, (clients) => ({
  servers: { primaryUrl: cluster.primary.url, replicaUrl: replica.url },
  clients,
}))
await cluster.dispose()
