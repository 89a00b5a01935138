import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { createDriver, createPool } from '@flyroute/pg'
import { type PostgresCluster, startPostgres } from '@flyroute/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import knex from 'knex'
import { Kysely, PostgresDialect } from 'kysely'
import { DataTypes, Sequelize } from 'sequelize'
import { DataSource, EntitySchema } from 'typeorm'

// A first look at the ORMs that are installed anyway. All that they do, in more versions, and Prisma, MikroORM and pg-boss
// besides, is what `pnpm test:matrix` runs.

/** The ordinary operations of an ORM on one table, in its own words. */
interface Orm {
  create(id: number): Promise<unknown>
  read(id: number): Promise<number | undefined>
  update(id: number, value: number): Promise<unknown>
  /** Reads a row, and writes the next value, in a transaction. */
  increment(id: number): Promise<unknown>
  /** The same in a transaction within the transaction. */
  nested(id: number): Promise<unknown>
  /** Writes in a transaction that is then given up. */
  giveUp(id: number): Promise<unknown>
  /** A transaction that only reads. */
  readTwice(id: number): Promise<number | undefined>
  lock(id: number): Promise<unknown>
  /** A change of the schema. */
  migrate(table: string): Promise<unknown>
  /** Connections that are checked out. */
  inUse(): number
  end(): Promise<unknown>
}

type Env = Record<string, string>
interface Row {
  id: number
  value: number
}

class GivenUp extends Error {}

const orms: Record<string, (env: Env) => Orm | Promise<Orm>> = {
  Drizzle,
  Kysely: KyselyOrm,
  TypeORM,
  Sequelize: SequelizeOrm,
  Knex,
}

let cluster: PostgresCluster
const opened: Orm[] = []
beforeAll(async () => {
  cluster = await startPostgres({ replicas: 1 })
  await cluster.primary.query('set role app; create table item (id int primary key, value int not null)')
  await cluster.caughtUp()
}, 60_000)
afterEach(async () => {
  await Promise.all(opened.splice(0).map((orm) => orm.end()))
})
afterAll(() => cluster?.dispose())

let lastId = 0
describe.each(Object.entries(orms))('%s', (name, make) => {
  async function open(region: string): Promise<Orm> {
    const orm = await make({
      FLY_REGION: region,
      PRIMARY_REGION: 'ord',
      DATABASE_URL: cluster.primary.url,
      DATABASE_URL_AMS: cluster.replicas[0]!.url,
    })
    opened.push(orm)
    return orm
  }

  async function writesAll(orm: Orm, table: string): Promise<void> {
    const id = ++lastId
    await orm.create(id)
    await orm.update(id, 5)
    await orm.increment(id)
    await orm.nested(id)
    await orm.lock(id)
    await expect(orm.giveUp(id)).rejects.toThrow(GivenUp)
    expect([await orm.read(id), await orm.readTwice(id)]).toEqual([7, 7])
    await orm.migrate(table)
    expect(orm.inUse()).toBe(0)
  }

  test('on the primary everything runs', async () => {
    await writesAll(await open('ord'), `made_by_${name.toLowerCase()}`)
  })

  test('on a replica everything runs in runOnPrimary, also what begins when it is awaited', async () => {
    const orm = await open('ams')
    await runOnPrimary(() => writesAll(orm, `made_from_afar_by_${name.toLowerCase()}`))
    const id = ++lastId
    await runOnPrimary(() => orm.create(id))
    expect(await cluster.primary.query('select value from item where id = $1', [id])).toEqual([{ value: 0 }])
  })

  test('on a replica reads run, each write surfaces as what it is, and no connection is left behind', async () => {
    const id = ++lastId
    await cluster.primary.query('insert into item values ($1, 7)', [id])
    await cluster.caughtUp()
    const orm = await open('ams')
    expect([await orm.read(id), await orm.readTwice(id)]).toEqual([7, 7])
    const writes: Record<string, () => Promise<unknown>> = {
      create: () => orm.create(id + 1_000),
      update: () => orm.update(id, 1),
      increment: () => orm.increment(id),
      nested: () => orm.nested(id),
      giveUp: () => orm.giveUp(id),
      lock: () => orm.lock(id),
      migrate: () => orm.migrate(`refused_by_${name.toLowerCase()}`),
    }
    for (const [operation, write] of Object.entries(writes)) {
      const error = await write().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect([operation, isPrimaryRequired(error), orm.inUse()]).toEqual([operation, true, 0])
    }
    expect([await orm.read(id), await orm.readTwice(id)]).toEqual([7, 7])
  })
})

function Drizzle(env: Env): Orm {
  const item = pgTable('item', { id: integer().primaryKey(), value: integer().notNull() })
  const pool = createPool({ env })
  const db = drizzle({ client: pool })
  type Db = Pick<typeof db, 'select' | 'update'>
  const select = (from: Db, id: number) => from.select().from(item).where(eq(item.id, id))
  const increment = async (tx: Db, id: number): Promise<void> => {
    const [row] = await select(tx, id)
    await tx
      .update(item)
      .set({ value: row!.value + 1 })
      .where(eq(item.id, id))
  }
  return {
    // As Drizzle has it: not a promise, but something that begins when it is awaited.
    create: (id) => db.insert(item).values({ id, value: 0 }),
    read: async (id) => (await select(db, id))[0]?.value,
    update: (id, value) => db.update(item).set({ value }).where(eq(item.id, id)),
    increment: (id) => db.transaction((tx) => increment(tx, id)),
    nested: (id) => db.transaction((tx) => tx.transaction((inner) => increment(inner, id))),
    giveUp: (id) =>
      db.transaction(async (tx) => {
        await increment(tx, id)
        throw new GivenUp()
      }),
    readTwice: (id) => db.transaction(async (tx) => (await select(tx, id))[0]?.value),
    lock: (id) => db.transaction((tx) => tx.select().from(item).where(eq(item.id, id)).for('update')),
    migrate: (table) => db.execute(`create table ${table} (id int)`),
    inUse: () => pool.totalCount - pool.idleCount,
    end: () => pool.end(),
  }
}

function KyselyOrm(env: Env): Orm {
  const pool = createPool({ env })
  const db = new Kysely<{ item: Row }>({ dialect: new PostgresDialect({ pool }) })
  const select = (from: typeof db, id: number) => from.selectFrom('item').selectAll().where('id', '=', id)
  const increment = async (tx: typeof db, id: number): Promise<void> => {
    const row = await select(tx, id).executeTakeFirstOrThrow()
    await tx
      .updateTable('item')
      .set({ value: row.value + 1 })
      .where('id', '=', id)
      .execute()
  }
  return {
    create: (id) => db.insertInto('item').values({ id, value: 0 }).execute(),
    read: async (id) => (await select(db, id).executeTakeFirst())?.value,
    update: (id, value) => db.updateTable('item').set({ value }).where('id', '=', id).execute(),
    increment: (id) =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute((tx) => increment(tx, id)),
    nested: async (id) => {
      const tx = await db.startTransaction().execute()
      try {
        const inner = await tx.savepoint('inner').execute()
        await increment(inner, id)
        await inner.releaseSavepoint('inner').execute()
        await tx.commit().execute()
      } catch (error) {
        await tx.rollback().execute()
        throw error
      }
    },
    giveUp: (id) =>
      db.transaction().execute(async (tx) => {
        await increment(tx, id)
        throw new GivenUp()
      }),
    readTwice: (id) =>
      db
        .transaction()
        .setAccessMode('read only')
        .execute(async (tx) => (await select(tx, id).executeTakeFirst())?.value),
    lock: (id) => select(db, id).forUpdate().execute(),
    migrate: (table) => db.schema.createTable(table).addColumn('id', 'integer').execute(),
    inUse: () => pool.totalCount - pool.idleCount,
    end: () => db.destroy(),
  }
}

async function TypeORM(env: Env): Promise<Orm> {
  const Item = new EntitySchema<Row>({
    name: 'item',
    columns: { id: { type: 'int', primary: true }, value: { type: 'int' } },
  })
  const source = new DataSource({ type: 'postgres', driver: createDriver({ env }), entities: [Item] })
  await source.initialize()
  const items = source.getRepository(Item)
  const { master } = source.driver as unknown as { master: { totalCount: number; idleCount: number } }
  const increment = async (manager: typeof source.manager, id: number): Promise<void> => {
    const row = await manager.findOneByOrFail(Item, { id })
    row.value++
    await manager.save(Item, row)
  }
  return {
    create: (id) => items.insert({ id, value: 0 }),
    read: async (id) => (await items.findOneBy({ id }))?.value,
    update: (id, value) => items.update({ id }, { value }),
    increment: (id) => source.transaction((manager) => increment(manager, id)),
    nested: (id) => source.transaction((manager) => manager.transaction((inner) => increment(inner, id))),
    giveUp: (id) =>
      source.transaction(async (manager) => {
        await increment(manager, id)
        throw new GivenUp()
      }),
    readTwice: (id) => source.transaction(async (manager) => (await manager.findOneBy(Item, { id }))?.value),
    lock: (id) =>
      source.transaction((manager) => manager.findOne(Item, { where: { id }, lock: { mode: 'pessimistic_write' } })),
    migrate: (table) => source.query(`create table ${table} (id int)`),
    inUse: () => master.totalCount - master.idleCount,
    end: () => source.destroy(),
  }
}

function SequelizeOrm(env: Env): Orm {
  const db = new Sequelize(env['DATABASE_URL']!, { dialectModule: createDriver({ env }), logging: false })
  const Item = db.define(
    'item',
    { id: { type: DataTypes.INTEGER, primaryKey: true }, value: DataTypes.INTEGER },
    { tableName: 'item', timestamps: false },
  )
  const { pool } = db.connectionManager as unknown as { pool: { using: number } }
  const valueOf = (row: { get(name: string): unknown } | null): number | undefined =>
    row?.get('value') as number | undefined
  const increment = async (transaction: Awaited<ReturnType<typeof db.transaction>>, id: number): Promise<void> => {
    const row = await Item.findByPk(id, { transaction })
    await row!.update({ value: (valueOf(row) ?? 0) + 1 }, { transaction })
  }
  return {
    create: (id) => Item.create({ id, value: 0 }),
    read: async (id) => valueOf(await Item.findByPk(id)),
    update: (id, value) => Item.update({ value }, { where: { id } }),
    increment: (id) => db.transaction((transaction) => increment(transaction, id)),
    nested: (id) => db.transaction((transaction) => db.transaction({ transaction }, (inner) => increment(inner, id))),
    giveUp: (id) =>
      db.transaction(async (transaction) => {
        await increment(transaction, id)
        throw new GivenUp()
      }),
    readTwice: (id) => db.transaction(async (transaction) => valueOf(await Item.findByPk(id, { transaction }))),
    lock: (id) => db.transaction((transaction) => Item.findByPk(id, { transaction, lock: transaction.LOCK.UPDATE })),
    migrate: (table) => db.getQueryInterface().createTable(table, { id: DataTypes.INTEGER }),
    inUse: () => pool.using,
    end: () => db.close(),
  }
}

function Knex(env: Env): Orm {
  const db = knex({ client: 'pg', connection: env['DATABASE_URL']!, pool: { min: 0, max: 2 } })
  db.client.driver = createDriver({ env })
  const items = (of: typeof db = db) => of<Row>('item')
  const increment = async (tx: typeof db, id: number): Promise<void> => {
    const row = await items(tx).where({ id }).first()
    await items(tx)
      .where({ id })
      .update({ value: row!.value + 1 })
  }
  return {
    create: (id) => items().insert({ id, value: 0 }) as unknown as Promise<unknown>,
    read: async (id) => (await items().where({ id }).first())?.value,
    update: (id, value) => items().where({ id }).update({ value }),
    increment: (id) => db.transaction((tx) => increment(tx, id)),
    nested: (id) => db.transaction((tx) => tx.transaction((inner) => increment(inner, id))),
    giveUp: (id) =>
      db.transaction(async (tx) => {
        await increment(tx, id)
        throw new GivenUp()
      }),
    readTwice: (id) => db.transaction(async (tx) => (await items(tx).where({ id }).first())?.value),
    lock: (id) => db.transaction((tx) => items(tx).where({ id }).forUpdate()),
    migrate: (table) => db.schema.createTable(table, (columns) => void columns.integer('id')),
    inUse: () => db.client.pool.numUsed(),
    end: () => db.destroy(),
  }
}
