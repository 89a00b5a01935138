import { FlyrouteDialect } from '@flyroute/kysely'
import { type MysqlCluster, startMariadb } from '@flyroute/testkit'
import { inRequest, rejection } from '@flyroute/testkit/requests'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Kysely } from 'kysely'
import { mysqlDialect } from './support/dialects.ts'
import { type Version, versions } from './support/subject.ts'

// What MariaDB's sessions tell of the statement before is the app's, although positions are asked for on the same connection.

let cluster: MysqlCluster
const opened: Kysely<unknown>[] = []
beforeAll(async () => {
  cluster = await startMariadb({ replicas: 1 })
  await cluster.primary.query('create table app.item (id int primary key auto_increment, name varchar(40) unique)')
  await cluster.primary.query("insert into app.item (name) values ('one'), ('two'), ('three')")
  await cluster.caughtUp()
}, 120_000)
afterEach(async () => {
  for (const db of opened.splice(0)) await db.destroy()
})
afterAll(() => cluster?.dispose())

const regions = ['ord', 'ams'] as const
type Region = (typeof regions)[number]

interface Run {
  (text: string): Promise<unknown[]>
}

/** An app in a region, and how it runs texts. */
function open(version: Version, region: Region): { db: Kysely<unknown>; runs(on: Kysely<unknown>): Run } {
  const env = { FLY_REGION: region, PRIMARY_REGION: 'ord' }
  const primary = mysqlDialect(version, cluster.primary.url)
  const replica = mysqlDialect(version, cluster.replicas[0]?.url as string)
  const db = new version.Kysely<unknown>({ dialect: new FlyrouteDialect({ primary, replica, env, name: 'app' }) })
  opened.push(db)
  return {
    db,
    runs: (on) => async (text) => (await on.executeQuery(version.CompiledQuery.raw(text))).rows as unknown[],
  }
}

const twice = "insert ignore into item (name) values ('one'), ('two')"
const position = expect.objectContaining({ at: expect.stringMatching(/^0-\d+-\d+/) })
const later = expect.objectContaining({ until: expect.any(Number) })

describe.each(Object.entries(versions))('Kysely %s', (_, version) => {
  test.each(regions)('what is asked of the statement before is told, in %s', async (region) => {
    const { db, runs } = open(version, region)
    const { value } = await inRequest(
      () =>
        db.connection().execute(async (connection) => {
          const run = runs(connection)
          await run(twice)
          const warnings = await run('show warnings')
          await run('update item set name = name where id = 1')
          await run('insert into item (name) values (uuid()), (uuid())')
          return [warnings, await run('select row_count() as n'), await run('select row_count() as n')]
        }),
      { obstacle: 'upgrade' },
    )
    expect(value).toEqual([
      [expect.objectContaining({ Level: 'Warning' }), expect.objectContaining({ Level: 'Warning' })],
      [{ n: 2 }],
      [{ n: -1 }],
    ])
  })

  test('a monotonic reader is told how many rows there were, on a replica too', async () => {
    const { db, runs } = open(version, 'ams')
    const { state, value } = await inRequest(
      () =>
        db.connection().execute(async (connection) => {
          const run = runs(connection)
          await run('select sql_calc_found_rows id from item where id < 4 order by id limit 1')
          return run('select found_rows() as n')
        }),
      { consistency: 'monotonic' },
    )
    expect(value).toEqual([{ n: 3 }])
    expect(state.positions.get('app')).toEqual(position)
  })

  test.each(regions)('the position of a write is in hand when the app is told of it, in %s', async (region) => {
    const { db, runs } = open(version, region)
    const write = 'insert into item (name) values (uuid())'
    const { state } = await inRequest(
      async (state) => {
        await runs(db)(write)
        expect(state.positions.get('app')).toEqual(position)
        await db.transaction().execute((trx) => runs(trx)(write))
        // On connections of their own, and each of them asks when its own is given back.
        await Promise.all([runs(db)(write), runs(db)(write), runs(db)(write)])
      },
      { obstacle: 'upgrade' },
    )
    expect(state.positions.get('app')).toEqual(position)
  })

  test('who is answered before it is, reads from the primary for a while', async () => {
    const { db, runs } = open(version, 'ord')
    const { state } = await inRequest(async (state) => {
      await db.connection().execute(async (connection) => {
        const run = runs(connection)
        await run(twice)
        expect(state.positions.get('app')).toEqual(later)
        await run('select 1')
        expect(state.positions.get('app')).toEqual(position)
        await run(twice)
        expect(state.positions.get('app')).toEqual(later)
      })
    })
    expect(state.positions.get('app')).toEqual(position)
  })

  test('statements that are sent together keep their order around a question', async () => {
    const { db, runs } = open(version, 'ord')
    const { value } = await inRequest(() =>
      db.connection().execute(async (connection) => {
        const run = runs(connection)
        await run(twice)
        const answers = await Promise.all(['set @v = 1', 'set @v = @v * 2 + 1', 'select @v as v', twice].map(run))
        return [answers[2], await Promise.all(['select row_count() as n', 'select 1 as n'].map(run))]
      }),
    )
    expect(value).toEqual([[{ v: 3 }], [[{ n: 0 }], [{ n: 1 }]]])
  })
})

// Behind this one the cluster is not what it was.
test('a write whose position is still to be asked for tells the primary that was from the one that is', async () => {
  const version = versions['0.29'] as Version
  const { primary, replicas } = cluster
  await replicas[0]?.promote()
  const write = 'insert into item (name) values (uuid())'
  const open = (url = ''): { db: Kysely<unknown>; run(on: Kysely<unknown>): Promise<unknown> } => {
    const env = { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' }
    const dialect = new FlyrouteDialect({ primary: mysqlDialect(version, url), env, name: 'app' })
    const db = new version.Kysely<unknown>({ dialect })
    opened.push(db)
    return { db, run: (on) => on.executeQuery(version.CompiledQuery.raw(write)) }
  }
  const [next, stale] = [open(replicas[0]?.url), open(primary.url)]
  await inRequest(() => Promise.all([next.run(next.db), next.run(next.db)]))
  await inRequest((state) =>
    next.db.connection().execute(async (connection) => {
      await next.run(connection)
      expect(state.positions.get('app')).toEqual(later)
      await next.run(next.db)
      expect(await rejection(stale.run(stale.db))).toMatchObject({ reason: 'stale-primary' })
    }),
  )
})
