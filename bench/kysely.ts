// What `FlyrouteDialect` costs over the bare dialect: the same query, built and compiled by Kysely each time, on the same
// server, in turns. The bare one runs twice; the difference between those two is the noise of the machine.
import { createActivity, createScope, runInScope } from '@flyroute/core/adapter'
import { FlyrouteDialect } from '@flyroute/kysely'
import { startPostgres } from '@flyroute/lab/databases'
import { type Dialect, Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { compare, optionsFrom, report } from './lib/compare.ts'

interface Tables {
  post: { id: number; title: string }
}

const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }

/** A pool that answers by itself, in this process: what is left is Kysely's work, and ours. */
class InstantPool {
  readonly options = {}
  readonly #client: { query(text: unknown): Promise<object>; release(): void }

  constructor(role: 'primary' | 'replica') {
    const said = [String(role === 'replica'), '17', '77', '00000001', '0/10', '0/10', '0', '0']
    const greeting = { command: 'SELECT', rowCount: 1, rows: [{ answer: JSON.stringify(said) }] }
    this.#client = {
      async query(text) {
        if (String(text).includes('pg_postmaster_start_time')) return greeting
        return { command: 'SELECT', rowCount: 1, rows: [{ id: 7, title: 'Title 7' }] }
      },
      release: () => undefined,
    }
  }

  async connect(): Promise<pg.PoolClient> {
    return this.#client as pg.PoolClient
  }

  async end(): Promise<void> {}
}

{
  const instant = (role: 'primary' | 'replica'): Dialect => new PostgresDialect({ pool: new InstantPool(role) })
  const open = (dialect: Dialect): Kysely<Tables> => new Kysely<Tables>({ dialect })
  const [bare, again] = [open(instant('replica')), open(instant('replica'))]
  const both = { primary: instant('primary'), replica: instant('replica') }
  const onReplica = open(new FlyrouteDialect({ ...both, env }))
  const onPrimary = open(new FlyrouteDialect({ ...both, env: { ...env, FLY_REGION: 'ord' } }))
  const run = (db: Kysely<Tables>) => async () => {
    for (let i = 0; i < 100; i++) await db.selectFrom('post').selectAll().where('id', '=', 7).execute()
  }
  const request = (work: () => Promise<void>) => () => runInScope(createScope(createActivity('request')), work)
  const figures = await compare(
    [
      { name: 'bare Kysely', run: run(bare) },
      { name: 'bare Kysely, again (noise)', run: run(again) },
      { name: 'on a replica, outside a request', run: run(onReplica) },
      { name: 'on a replica, in a request', run: request(run(onReplica)) },
      { name: 'on the primary, outside a request', run: run(onPrimary) },
      { name: 'on the primary, in a request', run: request(run(onPrimary)) },
    ],
    { clients: 1, ...optionsFrom(process.argv) },
  )
  report('1 row from nowhere, 100 times an operation: the work of the client alone', figures)
}

const cluster = await startPostgres({ replicas: 1 })
const [replica] = cluster.replicas as [(typeof cluster.replicas)[number]]
const setUp = new pg.Client(cluster.primary.url)
await setUp.connect()
await setUp.query(
  "create table post as select id, 'Title ' || id as title from generate_series(1, 1000) id; alter table post add primary key (id); analyze post",
)
await setUp.end()
await cluster.caughtUp()

for (const clients of [1, 20]) {
  const dialectTo = (connectionString: string): Dialect =>
    new PostgresDialect({ pool: async () => new pg.Pool({ connectionString, max: clients, idleTimeoutMillis: 0 }) })
  const open = (dialect: Dialect): Kysely<Tables> => new Kysely<Tables>({ dialect })
  const [bare, again] = [open(dialectTo(replica.url)), open(dialectTo(replica.url))]
  const guarded = (): Dialect =>
    new FlyrouteDialect({ primary: dialectTo(cluster.primary.url), replica: dialectTo(replica.url), env })
  // Connections of its own for each: whoever takes over those of the one before finds their servers' caches warm.
  const [ours, inRequest] = [open(guarded()), open(guarded())]
  const workloads: { title: string; run(db: Kysely<Tables>): Promise<unknown> }[] = [
    { title: '1 row', run: (db) => db.selectFrom('post').selectAll().where('id', '=', 7).execute() },
    { title: '1,000 rows', run: (db) => db.selectFrom('post').selectAll().orderBy('id').execute() },
    { title: 'raw SQL', run: (db) => sql`select id, title from post where id = ${7}`.execute(db) },
  ]
  for (const { title, run } of workloads) {
    const figures = await compare(
      [
        { name: 'bare Kysely', run: () => run(bare) },
        { name: 'bare Kysely, again (noise)', run: () => run(again) },
        { name: 'FlyrouteDialect, outside a request', run: () => run(ours) },
        {
          name: 'FlyrouteDialect, in a request',
          run: () => run(inRequest),
          around: (work) => runInScope(createScope(createActivity('request')), work),
        },
      ],
      { clients, ...optionsFrom(process.argv) },
    )
    report(`${title}, ${clients === 1 ? '1 client' : `${clients} clients`}, on a replica`, figures)
  }
  await Promise.all([bare, again, ours, inRequest].map((db) => db.destroy()))
}
await cluster.dispose()
