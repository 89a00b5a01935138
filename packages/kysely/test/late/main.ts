// The process of `late.test.ts`: both machines of an app, and requests that leave work behind.
import { FlyrouteDialect } from '@flyroute/kysely'
import { type LateConnection, playLateWork, poolSize } from '@flyroute/testkit/late'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

const { env } = process

/** Hands out its connection, and takes it back when it is released. */
function connectionOf(db: Kysely<unknown>): Promise<LateConnection> {
  return new Promise((resolve, reject) => {
    const work = db.connection().execute(
      (connection) =>
        new Promise<void>((release) => {
          resolve({ query: (sql) => connection.executeQuery(CompiledQuery.raw(sql)), release })
        }),
    )
    work.catch(reject)
  })
}

const reports = await playLateWork({
  requests: Number(env['REQUESTS']),
  writer: `create function late_write(id int, part int) returns int language plpgsql as
    $$ begin perform pg_sleep(0.3); insert into late_work values (id, part); return part; end $$`,
  open(region) {
    const [primary, replica] = [env['DATABASE_URL'], env['DATABASE_URL_AMS']].map((connectionString) => {
      const pool = new pg.Pool({ ...(connectionString === undefined ? {} : { connectionString }), max: poolSize })
      pool.on('error', () => undefined)
      pool.on('connect', (client) => client.on('error', () => undefined))
      return pool
    }) as [pg.Pool, pg.Pool]
    const over = (pool: pg.Pool): PostgresDialect => new PostgresDialect({ pool })
    const roles = region === 'ord' ? { dialect: over(primary) } : { primary: over(primary), replica: over(replica) }
    const dialect = new FlyrouteDialect({ ...roles, env: { ...env, FLY_REGION: region }, name: 'app' })
    const db = new Kysely<unknown>({ dialect })
    return {
      database: dialect,
      query: (sql) => db.executeQuery(CompiledQuery.raw(sql)),
      // It has none, but apps make them.
      call(sql, callback) {
        db.executeQuery(CompiledQuery.raw(sql)).then(
          () => process.nextTick(callback),
          (error: unknown) => process.nextTick(callback, error),
        )
      },
      connect: () => connectionOf(db),
      sleep: (ms) => `select pg_sleep(${ms / 1000})`,
      writeSlowly: (id, part) => `select late_write(${id}, ${part})`,
      get busy() {
        return [primary, replica].reduce((n, pool) => n + pool.totalCount - pool.idleCount + pool.waitingCount, 0)
      },
      end: () => db.destroy(),
    }
  },
})
console.log(JSON.stringify(reports))
