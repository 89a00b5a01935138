// What `createPool()` costs over a bare pool of mysql2: the same statements on the same server, in turns. The bare pool runs
// twice; the difference between those two is the noise of the machine.
import { createActivity, createScope, runInScope } from '@flyroute/core/adapter'
import { startMariadb } from '@flyroute/lab/databases'
import { createPool as createCallbackPool } from '@flyroute/mysql2'
import { createPool } from '@flyroute/mysql2/promise'
import mysql, { type Pool as CallbackPool } from 'mysql2'
import { createPool as createBarePool, type Pool } from 'mysql2/promise'
import { compare, optionsFrom, report } from './lib/compare.ts'

const one = 'select id, title from post where id = ?'
const workloads: readonly { title: string; run: (pool: Pool) => Promise<unknown> }[] = [
  { title: 'query, 1 row', run: (pool) => pool.query(one, [7]) },
  { title: 'execute, 1 row', run: (pool) => pool.execute(one, [7]) },
  { title: 'query, 1,000 rows', run: (pool) => pool.query('select id, title from post order by id limit 1000') },
]

const cluster = await startMariadb({ replicas: 1 })
const [replica] = cluster.replicas as [(typeof cluster.replicas)[number]]
await cluster.primary.query('create table app.post (id int primary key, title varchar(40) not null)')
await cluster.primary.query("insert into app.post select seq, concat('Title ', seq) from seq_1_to_1000")
await cluster.caughtUp()

const env = {
  FLY_REGION: 'ams',
  PRIMARY_REGION: 'ord',
  DATABASE_URL: cluster.primary.url,
  DATABASE_URL_AMS: replica.url,
}
for (const clients of [1, 20]) {
  const settings = { connectionLimit: clients }
  const bare = createBarePool({ uri: replica.url, ...settings })
  const again = createBarePool({ uri: replica.url, ...settings })
  const ours = createPool({ env, ...settings })
  // Connections of its own as well: whoever takes over those of the one before finds their servers' caches warm.
  const inRequest = createPool({ env, ...settings })
  const options = { clients, ...optionsFrom(process.argv) }
  const where = `${clients === 1 ? '1 client' : `${clients} clients`}, on a replica`
  for (const { title, run } of workloads) {
    const figures = await compare(
      [
        { name: 'bare pool', run: () => run(bare) },
        { name: 'bare pool, again (noise)', run: () => run(again) },
        { name: 'createPool, outside a request', run: () => run(ours) },
        {
          name: 'createPool, in a request',
          run: () => run(inRequest),
          around: (work) => runInScope(createScope(createActivity('request')), work),
        },
      ],
      options,
    )
    report(`${title}, ${where}`, figures)
  }
  const bareCallbacks = mysql.createPool({ uri: replica.url, ...settings })
  const ourCallbacks = createCallbackPool({ env, ...settings })
  const figures = await compare(
    [
      { name: 'bare pool', run: () => called(bareCallbacks) },
      { name: 'createPool, outside a request', run: () => called(ourCallbacks) },
    ],
    options,
  )
  report(`query with a callback, 1 row, ${where}`, figures)
  await Promise.all(
    [bare, again, ours, inRequest, bareCallbacks.promise(), ourCallbacks.promise()].map((pool) => pool.end()),
  )
}
await cluster.dispose()

function called(pool: CallbackPool): Promise<unknown> {
  return new Promise((resolve, reject) => {
    pool.query(one, [7], (error, rows) => (error ? reject(error) : resolve(rows)))
  })
}
