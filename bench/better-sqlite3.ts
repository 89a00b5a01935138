// What `openDatabase()` costs over a bare database of better-sqlite3, on a LiteFS replica: a synchronous engine that
// answers within a microsecond. Many statements make one operation, or the clock would be measured. The bare one
// runs twice; the difference between those two is the noise of the machine.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@flyroute/better-sqlite3'
import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import Database from 'better-sqlite3'
import { compare, effortFrom, report } from './lib/compare.ts'

const statements = 1_000
const mounts: string[] = []

/** What LiteFS shows on a replica, or on the primary; nothing is replicated here. */
function mount(primary: string | undefined): string {
  const dir = mkdtempSync(join(tmpdir(), 'flyroute-bench-'))
  mounts.push(dir)
  const path = join(dir, 'app.db')
  new Database(path)
    .exec('create table post (id integer primary key, title text)')
    .exec(
      "with recursive n(id) as (values (1) union all select id + 1 from n where id < 1000) insert into post select id, 'Title ' || id from n",
    )
    .close()
  if (primary !== undefined) writeFileSync(join(dir, '.primary'), `${primary}\n`)
  writeFileSync(`${path}-pos`, '0000000000000002/8000000000000000\n')
  return path
}

const [far, near] = [mount('ord'), mount(undefined)]
const [bare, again] = [new Database(far), new Database(far)]
const onReplica = openDatabase(far, { env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' } })
const onPrimary = openDatabase(near, { env: { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' } })
const all = [bare, again, onReplica, onPrimary]
// In a transaction the engine takes no locks for each statement: what is left is the shortest time it can answer in.
const workloads = [
  { title: 'prepared get of 1 row', sql: 'select id, title from post where id = ?', method: 'get', begin: false },
  { title: 'the same, in a transaction', sql: 'select id, title from post where id = ?', method: 'get', begin: true },
  {
    title: 'prepared all of 20 rows',
    sql: 'select id, title from post where id > ? limit 20',
    method: 'all',
    begin: false,
  },
] as const

for (const { title, sql, method, begin } of workloads) {
  if (begin) for (const db of all) db.prepare('begin').run()
  const work = (db: Database.Database): (() => Promise<void>) => {
    const statement = db.prepare<[number]>(sql)
    return async () => {
      for (let i = 0; i < statements; i++) statement[method](i % 900)
    }
  }
  const [one, two, replica, primary] = [work(bare), work(again), work(onReplica), work(onPrimary)]
  const request = (run: () => Promise<void>) => () => runInScope(createScope(createRequestState('request')), run)
  const figures = await compare(
    [
      { name: 'bare better-sqlite3', run: one },
      { name: 'bare better-sqlite3, again (noise)', run: two },
      { name: 'on a replica, outside a request', run: replica },
      { name: 'on a replica, in a request', run: request(replica) },
      { name: 'on the primary, outside a request', run: primary },
      { name: 'on the primary, in a request', run: request(primary) },
    ],
    { clients: 1, ...effortFrom(process.argv) },
  )
  report(`${title}, ${statements} times an operation`, figures)
  if (begin) for (const db of all) db.prepare('rollback').run()
}
for (const db of all) db.close()
for (const dir of mounts) rmSync(dir, { recursive: true })
