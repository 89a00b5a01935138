// What `createPool()` costs over a bare pool of mysql2: the same statements on the same server, in turns, each pool in a
// process of its own. The bare pool runs twice; the difference between those two is the noise of the machine.
import { startMariadb } from '@flyroute/lab/databases'
import { contenders, works } from './contenders/mysql2.ts'
import { leaveFirstCore } from './lib/cores.ts'
import { compareOnReplica } from './lib/on-replica.ts'

leaveFirstCore()
const cluster = await startMariadb({ replicas: 1 })
const [replica] = cluster.replicas as [(typeof cluster.replicas)[number]]
await cluster.primary.query('create table app.post (id int primary key, title varchar(40) not null)')
await cluster.primary.query("insert into app.post select seq, concat('Title ', seq) from seq_1_to_1000")
await cluster.caughtUp()

await compareOnReplica(
  { module: import.meta.resolve('./contenders/mysql2.ts'), contenders, works: Object.keys(works) },
  (clients) => ({ primaryUrl: cluster.primary.url, replicaUrl: replica.url, clients }),
)
await cluster.dispose()
