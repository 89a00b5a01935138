import { channel } from 'node:diagnostics_channel'
import { type EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigurationError, isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { createRequestState, createScope, gtids, runInScope } from '@flyroute/core/adapter'
import { createPool, type FlyroutePool } from '@flyroute/mysql2/promise'
import type { MysqlCluster, MysqlNode } from '@flyroute/testkit'
import { eventually } from '@flyroute/testkit/eventually'
import { innodbStatus, openTransactions } from '@flyroute/testkit/innodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Pool } from 'mysql2'
import { createPool as createBarePool } from 'mysql2/promise'
import type { FlyroutePoolOptions } from '../src/options.ts'
import { testBoundSettings } from './bound-settings.ts'

/** What the servers of this family do in their own way: what a token costs, who may write all the same, who was overtaken. */
export function describeServers(kind: 'mariadb' | 'mysql', start: () => Promise<MysqlCluster>): void {
  describe(`on ${kind}`, () => {
    let cluster: MysqlCluster
    let primary: MysqlNode
    let replica: MysqlNode
    const pools: FlyroutePool[] = []

    beforeAll(async () => {
      cluster = await start()
      primary = cluster.primary
      replica = cluster.replicas[0] as MysqlNode
      await primary.query('create table app.item (id int primary key auto_increment, value int not null default 0)')
      await primary.query(
        "create definer = 'app'@'%' function app.adds() returns int modifies sql data begin insert into app.item () values (); return last_insert_id(); end",
      )
      await primary.query(
        "create definer = 'app'@'%' procedure app.add_item() modifies sql data insert into app.item () values ()",
      )
      // Its definer may write on a read-only server: there only the transaction refuses.
      await primary.query('create procedure app.add_as_root() modifies sql data insert into app.item () values ()')
      await cluster.caughtUp()
    }, 60_000)
    afterEach(async () => {
      await Promise.all(pools.splice(0).map((pool) => pool.end()))
    })
    afterAll(() => cluster?.dispose())

    function open(
      region: 'ord' | 'ams',
      options: FlyroutePoolOptions = {},
      urls: Record<string, string> = {},
    ): FlyroutePool {
      const env = {
        FLY_REGION: region,
        PRIMARY_REGION: 'ord',
        DATABASE_URL: primary.url,
        DATABASE_URL_AMS: replica.url,
        ...urls,
      }
      const pool = createPool({ env, connectionLimit: 1, ...options })
      pools.push(pool)
      return pool
    }

    testBoundSettings(
      () => createBarePool({ uri: primary.url, connectionLimit: 1 }),
      () => open('ams', { outsideRequest: 'primary' }),
    )

    /** Does work as in a request, and tells the position behind what it wrote. */
    async function position(
      work: () => Promise<unknown>,
      captureAfterEveryStatement = false,
    ): Promise<string | undefined> {
      const state = createRequestState('request', { captureAfterEveryStatement })
      await runInScope(createScope(state), work)
      const [fresh] = state.positions.values()
      return fresh === undefined ? undefined : 'at' in fresh ? fresh.at : 'until'
    }

    async function selects(node: MysqlNode): Promise<number> {
      const table = kind === 'mariadb' ? 'information_schema' : 'performance_schema'
      const [row] = await node.query<{ n: string }>(
        `select variable_value as n from ${table}.global_status where variable_name = 'Com_select'`,
      )
      return Number(row?.n)
    }

    test('a token costs no query: for autocommit writes, transactions and prepared statements', async () => {
      const pool = open('ord')
      await position(() => pool.query('insert into item () values ()')) // greeted, and told to track
      const own = 1
      let positions: (string | undefined)[] = []
      // Once, in the background, the server is asked which routines there are.
      await eventually(async () => {
        positions = []
        const before = await selects(primary)
        for (let i = 0; i < 5; i++) {
          positions.push(await position(() => pool.query('insert into item () values ()')))
          positions.push(await position(() => pool.execute('update item set value = value + ? where id = 1', [1])))
          positions.push(
            await position(async () => {
              const connection = await pool.getConnection()
              await connection.beginTransaction()
              await connection.query('insert into item () values ()')
              await connection.commit()
              connection.release()
            }),
          )
          positions.push(await position(() => pool.query('call add_item()')))
        }
        expect(await selects(primary)).toBe(before + own)
      })
      expect(positions.filter((at) => at !== undefined && at !== 'until' && gtids.isValid(at))).toHaveLength(20)
      const reached = (await pool.replication.status()).position as string
      expect(positions.every((at) => gtids.covers(reached, at as string))).toBe(true)
      // However many there were, the text is one interval.
      expect(positions.at(-1)?.split(':').length).toBeLessThanOrEqual(2)
    })

    test('what was taken for a read and is refused: replayed in a request; made on the primary outside of one, and nothing overtakes it', async () => {
      const pool = open('ams', { functions: { read: ['adds'] }, outsideRequest: 'primary' })
      for (const form of ['query', 'execute'] as const) {
        const connection = await pool.getConnection()
        const run = (sql: string): Promise<unknown[]> =>
          form === 'query' ? connection.query(sql) : connection.execute(sql)
        try {
          await connection.query('select 1')
          await expect(position(() => run(`select adds() as refused_${form}`))).rejects.toMatchObject({
            code: 'ERR_PRIMARY_REQUIRED',
            reason: 'refused',
          })
          const before = await primary.query('select id from app.item')
          const [[added], [seen]] = await Promise.all([
            run(`select adds() as id, '${form}' as form`),
            connection.query('select max(id) as id from item'),
          ])
          expect(seen).toMatchObject([{ id: expect.any(Number) }])
          expect(added).toMatchObject(seen as object[])
          expect(await primary.query('select id from app.item')).toHaveLength(before.length + 1)
        } finally {
          connection.release()
        }
      }
    })

    test('it is in hand when events tell of the end', async () => {
      const callbacks = open('ord') as unknown as { pool: Pool }
      const state = createRequestState('request')
      const atEnd = await runInScope(
        createScope(state),
        () =>
          new Promise<number>((resolve) => {
            const query = callbacks.pool.query('insert into item () values ()')
            query.on('end', () => resolve(state.positions.size))
          }),
      )
      expect(atEnd).toBe(1)
    })

    test('what a monotonic read has seen has a position too, on either side', async () => {
      for (const region of ['ord', 'ams'] as const) {
        const pool = open(region)
        const state = createRequestState('request', { consistency: 'monotonic' })
        await runInScope(createScope(state), () => pool.query('select * from item'))
        const [fresh] = state.positions.values()
        expect(gtids.isValid((fresh as { at: string }).at)).toBe(true)
        expect((fresh as { at: string }).at).not.toBe('')
      }
    })

    test('what changes nothing has no position, and neither has what was rolled back', async () => {
      const pool = open('ord')
      // MariaDB logs that somebody tried.
      const unchanged = await position(() => pool.query('update item set value = 5 where id = 0'))
      if (kind === 'mysql') expect(unchanged).toBeUndefined()
      const read = (): Promise<unknown> => position(() => pool.query('select * from item where id = 1'))
      // Until the catalogue has answered for the first time, what names a table may be a view that writes.
      while ((await read()) !== undefined) await sleep(10)
      expect(await read()).toBeUndefined()
      expect(
        await position(async () => {
          const connection = await pool.getConnection()
          await connection.beginTransaction()
          await connection.query('insert into item () values ()')
          await connection.rollback()
          connection.release()
        }),
      ).toBeUndefined()
    })

    test('what a text has begun and written has its position with the COMMIT, and is a write until then', async () => {
      const connection = await open('ord', { multipleStatements: true }).getConnection()
      const state = createRequestState('request')
      await runInScope(createScope(state), async () => {
        await connection.query('begin; insert into item () values ()')
        expect(state.writesUnderWay).toBe(1)
        await connection.query('commit')
      })
      connection.release()
      expect(state).toMatchObject({ writesUnderWay: 0, committed: true })
      expect([...state.positions.values()]).toEqual([expect.objectContaining({ at: expect.any(String) })])
    })

    test('where an answer has rows and no place for the position, it is asked for', async () => {
      const pool = open('ord')
      const forms = [() => pool.query('select adds()')]
      if (kind === 'mariadb') forms.push(() => pool.query('insert into item () values () returning id'))
      for (const form of forms) {
        const at = await position(form, true)
        const [row] = await primary.query<{ n: number }>('select max(id) as n from app.item')
        await cluster.caughtUp()
        const [there] = await replica.query<{ n: number }>('select max(id) as n from app.item')
        expect([there, gtids.isValid(at ?? '-')]).toEqual([row, true])
        expect(gtids.covers((await open('ams').replication.status()).position as string, at as string)).toBe(true)
      }
    })

    test("the app's own session tracking stays, and ours comes back behind a reset", async () => {
      const pool = open('ord')
      const connection = await pool.getConnection()
      const write = (): Promise<unknown> => connection.query('insert into item () values ()')
      const tracked = async (): Promise<string[]> => {
        const [rows] = await connection.query('select @@session.session_track_system_variables as names')
        return (rows as { names: string }[])[0]!.names.split(',')
      }
      const before = await tracked()
      expect(await position(write)).not.toBe('until')
      expect(await tracked()).toEqual(expect.arrayContaining(before))
      await connection.query("set session session_track_system_variables = 'autocommit'")
      expect(await position(write)).toMatch(/\d$/)
      await connection.reset()
      expect(await position(write)).toMatch(/\d$/)
      await connection.changeUser({})
      expect(await position(write)).toMatch(/\d$/)
      connection.release()
    })

    test('a user who could write on the replica: said once, and what may write goes to the primary', async () => {
      const told: unknown[] = []
      const listen = (message: unknown): unknown => told.push((message as { message: string }).message)
      channel('flyroute:notice').subscribe(listen)
      try {
        const pool = open('ams', { connectionLimit: 3 }, { DATABASE_URL_AMS: replica.adminUrl })
        const [rows] = await pool.query('select @@port as port')
        expect(rows).toEqual([{ port: replica.port }])
        const error = await pool.query('call add_item()').catch((reason: unknown) => reason)
        expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'write' })
        await Promise.all([pool.query('select 1'), pool.query('select 1'), pool.query('select 1')])
        expect(told.filter((text) => /would accept writes/.test(String(text)))).toHaveLength(1)
        expect(await pool.replication.status()).toMatchObject({ role: 'replica', acceptsWrites: true })
      } finally {
        channel('flyroute:notice').unsubscribe(listen)
      }
    })

    test('a refusal of a read-only transaction on the primary is the app’s own', async () => {
      const pool = open('ord')
      const connection = await pool.getConnection()
      await connection.query('start transaction read only')
      const error = await connection.query('insert into item () values ()').catch((reason: unknown) => reason)
      expect(error).toMatchObject({ errno: 1792 })
      expect(isPrimaryRequired(error)).toBe(false)
      await connection.rollback()
      connection.release()
    })

    test('… and on a replica too', async () => {
      const pool = open('ams')
      const connection = await pool.getConnection()
      await connection.query('start transaction read only')
      const error = await connection.query('call add_as_root()').catch((reason: unknown) => reason)
      expect(error).toMatchObject({ errno: 1792 })
      await connection.rollback()
      connection.release()
    })

    test('a deadlock is the app’s own error', async () => {
      const pool = open('ord', { connectionLimit: 2 })
      const [one, two] = [await pool.getConnection(), await pool.getConnection()]
      const outcomes = await position(async () => {
        await one.beginTransaction()
        await two.beginTransaction()
        await one.query('update item set value = 1 where id = 1')
        await two.query('update item set value = 1 where id = 2')
        const both = await Promise.allSettled([
          one.query('update item set value = 2 where id = 2'),
          two.query('update item set value = 2 where id = 1'),
        ])
        const failed = both.find(({ status }) => status === 'rejected') as PromiseRejectedResult
        expect(failed.reason).toMatchObject({ code: 'ER_LOCK_DEADLOCK', errno: 1213 })
        await Promise.all([one.rollback(), two.rollback()])
      })
      expect(outcomes).toBeUndefined()
      one.release()
      two.release()
    })

    test('a server of one’s own plays the replica', async () => {
      const pool = open('ord', { simulate: 'replica', env: { DATABASE_URL: primary.url } })
      const error = await pool.query('insert into item () values ()').catch((reason: unknown) => reason)
      expect(isPrimaryRequired(error)).toBe(true)
      // Until the server has told which routines there are, a call of one goes to the primary.
      let hidden: unknown
      await eventually(async () => {
        hidden = await pool.query('call add_item()').catch((reason: unknown) => reason)
        expect(hidden).toMatchObject({ reason: 'refused' })
      })
      expect(hidden).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'refused' })
      const [rows] = await pool.query('select 1 as one')
      expect(rows).toEqual([{ one: 1 }])
      await runOnPrimary(() => pool.query('insert into item () values ()'))
    })

    // Behind this one the cluster is not what it was.
    /** What one server and the primary of a session that has moved say, for the same statements. */
    async function onBoth(statements: readonly string[]): Promise<readonly [bare: unknown, far: unknown]> {
      const bare = createBarePool({ uri: primary.url, connectionLimit: 1 })
      const said: unknown[] = []
      for (const pool of [bare, open('ams', { outsideRequest: 'primary' })]) {
        const connection = await pool.getConnection()
        await connection.query('select 1')
        let last: unknown
        for (const sql of statements) {
          last = await connection.query(sql).then(
            ([rows]) => rows,
            (error: unknown) => (error as { code?: unknown }).code,
          )
        }
        said.push(last)
        connection.destroy()
      }
      await bare.end()
      return said as [unknown, unknown]
    }

    test.each([
      ["set completion_type = 'CHAIN'", 'begin', 'rollback', 'insert into item () values ()'],
      ['set session completion_type = 1', 'begin', 'select 1', 'commit', 'insert into item () values ()'],
      ['set transaction read only', 'select count(*) from item', 'insert into item () values ()'],
    ])('what cannot be set again at another moment keeps its session: %s', async (...statements) => {
      expect((await onBoth(statements))[1]).toBe('ERR_REPLAY_UNAVAILABLE')
    })

    test('where the servers begin a transaction at the end of another one, it goes along', async () => {
      const chained = ['begin', 'rollback', 'insert into item (value) values (77)', 'rollback']
      const count = 'select count(*) as count from item where value = 77'
      const all = async (type: string): Promise<unknown> =>
        Promise.all([primary, replica].map((node) => node.query(`set global completion_type = '${type}'`)))
      await all('CHAIN')
      try {
        expect(await onBoth([...chained, count])).toEqual([[{ count: 0 }], [{ count: 0 }]])
        const ended = ['begin', 'rollback and no chain', ...chained.slice(2), count]
        expect(await onBoth(ended)).toEqual([[{ count: 1 }], [{ count: 2 }]])
        // The transaction that a refusal or a move has ended on the replica is no longer open there.
        const pool = open('ams', { outsideRequest: 'primary', connectionLimit: 1 })
        const connection = await pool.getConnection()
        await connection.query('begin')
        await connection.query('insert into item (value) values (77)')
        await connection.query('commit and no chain')
        connection.release()
        await pool.query('select count(*) from item')
        // A server ends it behind its answer.
        await eventually(async () => {
          const [row] = await replica.query<{ Status: string }>(innodbStatus)
          expect(openTransactions(row?.Status ?? '')).toEqual([])
        })
      } finally {
        await all('NO_CHAIN')
      }
    })

    test('a mode for the next transaction that was used up by a COMMIT is not made again', async () => {
      const [bare, far] = await onBoth(['set transaction read only', 'commit', 'insert into item () values ()'])
      expect([bare, far]).toEqual([
        expect.objectContaining({ affectedRows: 1 }),
        expect.objectContaining({ affectedRows: 1 }),
      ])
    })

    test.each([
      ["set time_zone = '+09:00'; use missing", 'a setting'],
      ['start transaction; use missing', 'a transaction'],
    ])('what %s has done before its error (%s) keeps the session where it is', async (text) => {
      const pool = open('ams', { outsideRequest: 'primary', multipleStatements: true })
      const connection = await pool.getConnection()
      await expect(connection.query(text)).rejects.toMatchObject({ errno: expect.any(Number) })
      await expect(connection.query('insert into item () values ()')).rejects.toMatchObject({
        code: 'ERR_REPLAY_UNAVAILABLE',
      })
      connection.destroy()
    })

    test('what an app does to each connection that it gets is done in runOnPrimary as well', async () => {
      const pool = open('ams', { outsideRequest: 'primary' })
      const told: string[] = []
      pool.on('acquire', (connection) => {
        told.push('acquire')
        void connection.query("set @tenant = 'a'")
      })
      pool.on('release', () => told.push('release'))
      const tenant = async (): Promise<unknown> => (await pool.query('select @tenant as t'))[0]
      expect(await runOnPrimary(tenant)).toEqual([{ t: 'a' }])
      expect(await tenant()).toEqual([{ t: 'a' }])
      expect(told).toEqual(['acquire', 'release', 'acquire', 'release'])
    })

    test('a connection to the primary that a session has moved to stays for the next one, whatever has written on it', async () => {
      const pool = open('ams', { outsideRequest: 'primary' })
      const thread = async (): Promise<unknown> => {
        const connection = await pool.getConnection()
        await connection.query('insert into item (value) values (1)')
        const [rows] = await connection.query('select connection_id() as id')
        connection.release()
        return rows
      }
      expect(await thread()).toEqual(await thread())
    })

    /** Has a server end all connections of the app. */
    async function endsConnections(node: MysqlNode): Promise<void> {
      const found = await node.query<{ id: number }>(
        "select id from information_schema.processlist where user = 'app' and command <> 'Daemon'",
      )
      for (const { id } of found) await node.query(`kill ${id}`).catch(() => undefined)
    }

    async function transactions(): Promise<string[]> {
      const [row] = await primary.query<{ Status: string }>(innodbStatus)
      return openTransactions(row?.Status ?? '')
    }

    test.each([
      ['its replica', () => replica],
      ['its primary', () => primary],
    ] as const)(
      'a session that has moved ends with its connection to %s, and the app hears of it',
      async (_, server) => {
        await primary.query('delete from app.item')
        for (const end of ['commit', 'rollback']) {
          const pool = open('ams', { outsideRequest: 'primary' })
          const connection = await pool.getConnection()
          const { connection: bare } = connection as unknown as { connection: EventEmitter & { stream: EventEmitter } }
          const told: unknown[] = []
          bare.on('error', ({ code }: { code?: unknown }) => told.push(code))
          const hasEnded = Promise.all([once(bare, 'end'), once(bare.stream, 'close')])
          await connection.query('start transaction')
          await connection.query('insert into item (value) values (1)')
          expect(await transactions()).toEqual(['app'])
          await endsConnections(server())
          await hasEnded
          const after = ['insert into item (value) values (2)', end, 'select 1']
          const codes = await Promise.all(after.map((sql) => connection.query(sql).catch((error: unknown) => error)))
          expect(codes).toEqual(after.map(() => expect.objectContaining({ fatal: true })))
          expect(told).toEqual(['PROTOCOL_CONNECTION_LOST'])
          connection.release()
          await pool.end()
          pools.splice(pools.indexOf(pool), 1)
        }
        await eventually(async () => expect(await transactions()).toEqual([]))
        expect(await primary.query('select value from app.item')).toEqual([])
      },
    )

    test.each(['release', 'destroy'] as const)(
      'a session that begins on the primary, as its own connection is lost, ends with the %s of that',
      async (end) => {
        const pool = open('ams', { outsideRequest: 'primary', primaryPool: { connectionLimit: 1 } })
        const connection = await pool.getConnection()
        await connection.query('select 1')
        const { connection: bare } = connection as unknown as { connection: EventEmitter }
        const isLost = once(bare, 'end')
        await endsConnections(replica)
        await isLost
        await connection.query('start transaction')
        await connection.query('select app.adds() as id')
        await connection.query('commit')
        connection[end]()
        // It has left something there, and there is only one.
        await pool.query('insert into item () values ()')
      },
      20_000,
    )

    test('a primary that another one has taken over from answers nobody who has seen that one', async () => {
      const token = await open('ord').replication.currentToken()
      await replica.promote()
      const next = open('ord', {}, { DATABASE_URL: replica.url })
      await next.query('insert into item () values ()')
      const newer = await next.replication.currentToken()
      // The old one goes on, and counts past what the new one has written.
      const stale = open('ord', {}, { DATABASE_URL: primary.url })
      for (let i = 0; i < 5; i++) await stale.query('insert into item () values ()')
      await expect(stale.replication.waitFor(token)).resolves.toBeUndefined()
      await expect(stale.replication.waitFor(newer)).rejects.toMatchObject({
        code: 'ERR_REPLAY_UNAVAILABLE',
        reason: 'stale-primary',
      })
      await expect(next.replication.waitFor(newer)).resolves.toBeUndefined()
      // A request is one that has seen it, once it has written there.
      const state = createRequestState('request')
      const written = runInScope(createScope(state), async () => {
        await next.query('insert into item () values ()')
        await stale.query('insert into item () values ()')
      })
      await expect(written).rejects.toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'stale-primary' })
      expect(state.committed).toBe(true)
    })

    test('a time on the primary is what a token says without GTIDs, and who asks for a position is told why', async () => {
      if (kind === 'mariadb') return // its GTIDs cannot be switched off where it replicates
      for (const mode of ['ON_PERMISSIVE', 'OFF_PERMISSIVE', 'OFF'])
        await primary.query(`set global gtid_mode = ${mode}`)
      const pool = open('ord')
      expect(await position(() => pool.query('insert into item () values ()'))).toBe('until')
      const error = await pool.replication.currentToken().catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(ConfigurationError)
    })
  })
}
