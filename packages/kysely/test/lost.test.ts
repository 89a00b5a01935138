import { subscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOnPrimary } from '@flyroute/core'
import { createRequestState, createScope, runInScope, type Scope } from '@flyroute/core/adapter'
import { FlyrouteDialect } from '@flyroute/kysely'
import { type PostgresCluster, startPostgres } from '@flyroute/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Kysely, type LogEvent, sql } from 'kysely'
import { postgresDialect } from './support/dialects.ts'
import { Proxy } from './support/proxy.ts'
import { versions } from './support/subject.ts'

const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }
const version = versions['0.29']!
let cluster: PostgresCluster
let toPrimary: Proxy
let toReplica: Proxy
let db: Kysely<unknown>
let dialect: FlyrouteDialect
const logged: LogEvent[] = []

beforeAll(async () => {
  cluster = await startPostgres({ replicas: 1 })
  const { primary } = cluster
  await primary.query('create table written (by text)')
  await primary.query('alter table written owner to app')
  await primary.query(
    `create function writes(by text) returns int language sql as 'insert into written values (by) returning 1'`,
  )
  await cluster.caughtUp()
}, 60_000)
beforeEach(async () => {
  logged.length = 0
  toPrimary = await Proxy.to(cluster.primary.port)
  toReplica = await Proxy.to(cluster.replicas[0]!.port)
  dialect = new FlyrouteDialect({
    primary: postgresDialect(version, toPrimary.url(cluster.primary.url), 2),
    replica: postgresDialect(version, toReplica.url(cluster.replicas[0]!.url), 2),
    env,
    outsideRequest: 'primary',
  })
  db = new Kysely<unknown>({ dialect, log: (event) => void logged.push(event) })
})
afterEach(async () => {
  await db.destroy()
  await Promise.all([toPrimary[Symbol.asyncDispose](), toReplica[Symbol.asyncDispose]()])
})
afterAll(() => cluster?.dispose())

/** A request that cannot be replayed: what it writes goes to the primary from here. */
const upgrade = (): Scope => createScope(createRequestState('request', { obstacle: 'upgrade' }))
const onReplica = sql<{ r: boolean }>`select pg_is_in_recovery() as r`
// A cursor of pg whose connection is lost hears nothing: there the watchdog speaks.
const lost = { message: expect.stringMatching(/terminated|ECONNRESET|does not answer/) }
const failure = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    (value) => expect(value).toBe('a failure'),
    (error: unknown) => error,
  )

async function written(by: string): Promise<number> {
  const [row] = await cluster.primary.query<{ n: number }>(`select count(*)::int as n from written where by = '${by}'`)
  return row!.n
}

describe('on the primary', () => {
  test('one that is lost in the middle of a statement is told to the middleware', async () => {
    const scope = upgrade()
    await runInScope(scope, () =>
      db.connection().execute(async (one) => {
        await sql`insert into written values ('before')`.execute(one)
        toPrimary.losesAnswers = true
        expect(await failure(sql`select count(*) from written`.execute(one))).toMatchObject(lost)
      }),
    )
    expect(scope.request.primaryUnreachable).toMatchObject(lost)
  })

  test('a write whose answer is lost may have happened', async () => {
    const scope = upgrade()
    await runInScope(scope, () =>
      db.connection().execute(async (one) => {
        await onReplica.execute(one)
        await sql`create temporary table mine (id int)`.execute(one)
        toPrimary.losesAnswers = true
        await failure(sql`insert into written values ('lost')`.execute(one))
      }),
    )
    expect(scope.request).toMatchObject({ committed: true, writesUnderWay: 0 })
  })

  test('of a request that was replayed nothing hears of it', async () => {
    const scope = createScope(createRequestState('request'))
    const dropped = new Promise((resolve) => subscribe('flyroute:late-statement', resolve))
    const heard = runInScope(scope, () =>
      runOnPrimary(() =>
        db.connection().execute(async (one) => {
          await onReplica.execute(one)
          toPrimary.losesAnswers = true
          const read = failure(onReplica.execute(one))
          expect(scope.request.answerReplay()).toBe(true)
          return read
        }),
      ),
    )
    expect(await Promise.race([heard, dropped])).toEqual({ database: 'default' })
  })
})

test('a text that begins a transaction and writes in it has its position with the COMMIT', async () => {
  const scope = upgrade()
  const { request } = scope
  await runInScope(scope, () =>
    db.connection().execute(async (one) => {
      await sql`begin; insert into written values ('begun')`.execute(one)
      const { writesUnderWay, positions } = request
      const [before] = positions.values()
      await sql`commit`.execute(one)
      expect([writesUnderWay, before]).toEqual([1, expect.anything()])
      expect([...positions.values()]).not.toEqual([before])
    }),
  )
  expect(request).toMatchObject({ committed: true, writesUnderWay: 0 })
})

describe('a connection that has moved to the primary', () => {
  test('stays there until it is given back, with its settings, and leaves nothing there', async () => {
    await runInScope(upgrade(), () =>
      db.connection().execute(async (one) => {
        await sql`set application_name to 'mine'`.execute(one)
        expect((await onReplica.execute(one)).rows).toEqual([{ r: true }])
        await sql`insert into written values ('moved')`.execute(one)
        expect((await onReplica.execute(one)).rows).toEqual([{ r: false }])
        expect((await sql`show application_name`.execute(one)).rows).toEqual([{ application_name: 'mine' }])
        await sql`create temporary table mine (id int)`.execute(one)
      }),
    )
    await runInScope(upgrade(), async () => {
      await sql`insert into written values ('next')`.execute(db)
      expect((await sql`show application_name`.execute(db)).rows).toEqual([{ application_name: '' }])
      expect((await sql`select to_regclass('mine') as mine`.execute(db)).rows).toEqual([{ mine: null }])
    })
  })

  test('does not move where something was left that cannot be made again', async () => {
    await runInScope(upgrade(), () =>
      db.connection().execute(async (one) => {
        await sql`do $$ begin perform 1; end $$`.execute(one)
        expect(await failure(sql`insert into written values ('stuck')`.execute(one))).toMatchObject({
          code: 'ERR_REPLAY_UNAVAILABLE',
        })
      }),
    )
    expect(await written('stuck')).toBe(0)
  })
})

describe('Kysely’s log', () => {
  const texts = (): string[] => logged.map(({ query }) => query.sql)

  test('sees what begins and ends transactions, on the replica and in its place on the primary', async () => {
    await db.transaction().execute(async (trx) => void (await onReplica.execute(trx)))
    expect(texts()).toEqual(['begin', 'select pg_is_in_recovery() as r', 'commit'])
    logged.length = 0
    await runInScope(upgrade(), async () => {
      const trx = await db.startTransaction().setIsolationLevel('serializable').execute()
      await sql`insert into written values ('logged')`.execute(trx)
      const inner = await trx.savepoint('here').execute()
      await inner.rollbackToSavepoint('here').execute()
      await trx.commit().execute()
    })
    expect(texts()).toEqual([
      'start transaction isolation level serializable',
      "insert into written values ('logged')",
      'savepoint "here"',
      'rollback to "here"',
      'commit',
    ])
    expect(await written('logged')).toBe(1)
  })

  test('sees the COMMIT of what was refused, which rolls back and says so', async () => {
    const scope = createScope(createRequestState('request'))
    const error = await failure(
      runInScope(scope, () =>
        db.transaction().execute(async (trx) => {
          await onReplica.execute(trx)
          await failure(sql`insert into written values ('refused')`.execute(trx))
        }),
      ),
    )
    expect(error).toMatchObject({ name: 'AbortedTransactionError' })
    expect(texts().at(-1)).toBe('commit')
    expect((await onReplica.execute(db)).rows).toEqual([{ r: true }])
  })
})

describe('a request that was replayed', () => {
  test('reaches no server any more, and its connections come back', async () => {
    const scope = createScope(createRequestState('request'))
    const settled: unknown[] = []
    await runInScope(scope, async () => {
      const begun = [0, 1].map(() =>
        db.connection().execute(async (one) => {
          await onReplica.execute(one)
          await failure(sql`insert into written values ('late')`.execute(one))
          scope.request.answerReplay()
          await onReplica.execute(one)
        }),
      )
      for (const one of begun) one.finally(() => settled.push(one)).catch(() => undefined)
    })
    // Both connections of the pool were held by it.
    const all = [0, 1].map(() => db.connection().execute(async (one) => (await onReplica.execute(one)).rows))
    expect(await Promise.all(all)).toEqual([[{ r: true }], [{ r: true }]])
    expect(settled).toEqual([])
  })
})

describe('on a replica', () => {
  test('a stream that is lost in the middle of its rows is not begun again: none of them comes twice', async () => {
    const rows: number[] = []
    const streamed = runInScope(upgrade(), () =>
      db.connection().execute(async (one) => {
        const many = sql<{ n: number }>`select n from generate_series(1, 1000) as n`.compile(one)
        for await (const chunk of one.getExecutor().stream<{ n: number }>(many, 1)) {
          rows.push(...chunk.rows.map(({ n }) => n))
          toReplica.losesAnswers = true
        }
      }),
    )
    expect(await failure(streamed)).toMatchObject(lost)
    expect(rows).toEqual([1])
  })
})

/** Last: the cluster is not what it was. */
describe('a replica that was promoted a moment ago', () => {
  test('is sent nothing a second time that may have written, by itself or as a stream', async () => {
    const { primary } = cluster
    const [replica] = cluster.replicas
    await knowsRoutines()
    const request = createScope(createRequestState('request'))
    await db.connection().execute((one) =>
      db.connection().execute(async (other) => {
        await onReplica.execute(one)
        await replica!.promote()
        await primary.stop('fast')
        toPrimary.port = replica!.port
        toPrimary.cut()
        expect(dialect.replication.topology.role).toBe('replica')
        toReplica.losesAnswers = true
        const single = runInScope(request, () => sql`select writes('single')`.execute(one))
        const streamed = runInScope(request, () => first(sql`select writes('streamed')`.$castTo<unknown>(), other))
        for (const error of await Promise.all([failure(single), failure(streamed)])) expect(error).toMatchObject(lost)
      }),
    )
    expect(request.request.refusal).toBeUndefined()
    const [row] = await replica!.query(
      `select array_agg(by order by by) as by from written where by in ('single', 'streamed')`,
    )
    // A cursor describes its statement first, and so it is lost before it runs.
    expect(row).toEqual({ by: ['single'] })
  })
})

/** Until the server has told which routines there are, a call of one goes to the primary unasked. */
async function knowsRoutines(): Promise<void> {
  for (let reason: unknown; reason !== 'refused'; await sleep(20)) {
    const request = createScope(createRequestState('request'))
    ;({ reason } = (await failure(runInScope(request, () => sql`select writes('known')`.execute(db)))) as {
      reason?: unknown
    })
  }
}

/** The first row of a stream. */
async function first(query: ReturnType<typeof sql>, on: Kysely<unknown>): Promise<unknown> {
  for await (const { rows } of on.getExecutor().stream(query.compile(on), 1)) return rows[0]
  return undefined
}
