// What `createPool()` costs over a bare pool of mysql2: the same statements on the same server, in turns, each pool in a
// process of its own. The bare pool runs twice; the difference between those two is the noise of the machine.
import { startMariadb } from '@flyroute/lab/databases'
import { contenders, works } from './contenders/mysql2.ts'
import { compareApart } from './lib/apart.ts'
import { effortFrom, report } from './lib/compare.ts'

const cluster = await startMariadb({ replicas: 1 })
const [replica] = cluster.replicas as [(typeof cluster.replicas)[number]]
await cluster.primary.query('create table app.post (id int primary key, title varchar(40) not null)')
await cluster.primary.query("insert into app.post select seq, concat('Title ', seq) from seq_1_to_1000")
await cluster.caughtUp()

for (const clients of [1, 20]) {
  const figures = await compareApart({
    module: import.meta.resolve('./contenders/mysql2.ts'),
    settings: { primaryUrl: cluster.primary.url, replicaUrl: replica.url, clients },
    contenders,
    works: Object.keys(works),
    clients,
    ...effortFrom(process.argv),
  })
  for (const [work, of] of figures) {
    report(`${work}, ${clients === 1 ? '1 client' : `${clients} clients`}, on a replica`, of)
  }
}
await cluster.dispose()
