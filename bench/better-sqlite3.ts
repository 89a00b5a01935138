// What `openDatabase()` costs over a bare database of better-sqlite3, on a LiteFS replica: a synchronous engine that
// answers within a microsecond. Many statements make one operation, or the clock would be measured. The bare one
// runs twice; the difference between those two is the noise of the machine.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@flyroute/better-sqlite3'
import { createActivity, createScope, runInScope } from '@flyroute/core/adapter'
import Database from 'better-sqlite3'
import { compare, report } from './lib/compare.ts'

const statements = 1_000
const short = process.argv.includes('--short')
// What LiteFS shows on a replica; nothing is replicated here.
const mount = mkdtempSync(join(tmpdir(), 'flyroute-bench-'))
const path = join(mount, 'app.db')
new Database(path)
  .exec('create table post (id integer primary key, title text)')
  .exec(
    "with recursive n(id) as (values (1) union all select id + 1 from n where id < 1000) insert into post select id, 'Title ' || id from n",
  )
  .close()
writeFileSync(join(mount, '.primary'), 'ord\n')
writeFileSync(`${path}-pos`, '0000000000000002/8000000000000000\n')

const [bare, again] = [new Database(path), new Database(path)]
const ours = openDatabase(path, { env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' } })
const workloads = [
  { title: 'prepared get of 1 row', sql: 'select id, title from post where id = ?', method: 'get' },
  { title: 'prepared all of 20 rows', sql: 'select id, title from post where id > ? limit 20', method: 'all' },
] as const

for (const { title, sql, method } of workloads) {
  const work = (db: Database.Database): (() => Promise<void>) => {
    const statement = db.prepare<[number]>(sql)
    return async () => {
      for (let i = 0; i < statements; i++) statement[method](i % 900)
    }
  }
  const [one, two, guarded] = [work(bare), work(again), work(ours)]
  const figures = await compare(
    [
      { name: 'bare better-sqlite3', run: one },
      { name: 'bare better-sqlite3, again (noise)', run: two },
      { name: 'openDatabase, outside a request', run: guarded },
      {
        name: 'openDatabase, in a request',
        run: () => runInScope(createScope(createActivity('request')), guarded),
      },
    ],
    { clients: 1, ...(short ? { sliceMs: 50, rounds: 5 } : {}) },
  )
  report(`${title}, ${statements} times an operation, on a replica`, figures)
}
for (const db of [bare, again, ours]) db.close()
rmSync(mount, { recursive: true })
