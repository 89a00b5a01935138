// What `createPool()` costs over a bare `pg.Pool`: the same statements on the same server, in turns, each pool in a process
// of its own. The bare pool runs twice; the difference between those two is the noise of the machine.
import { startPostgres } from '@flyroute/lab/databases'
import pg from 'pg'
import { contenders, works } from './contenders/pg.ts'
import { leaveFirstCore } from './lib/cores.ts'
import { compareOnReplica } from './lib/on-replica.ts'

leaveFirstCore()
const cluster = await startPostgres({ replicas: 1 })
const [replica] = cluster.replicas as [(typeof cluster.replicas)[number]]
const setUp = new pg.Client(cluster.primary.url)
await setUp.connect()
await setUp.query(
  "create table post as select id, 'Title ' || id as title from generate_series(1, 1000) id; alter table post add primary key (id); analyze post",
)
await setUp.end()
await cluster.caughtUp()

await compareOnReplica(
  { module: import.meta.resolve('./contenders/pg.ts'), contenders, works: Object.keys(works) },
  (clients) => ({ primaryUrl: cluster.primary.url, replicaUrl: replica.url, clients }),
)
await cluster.dispose()
