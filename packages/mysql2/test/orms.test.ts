import { isPrimaryRequired } from '@flyroute/core'
import { createPool as createCallbackPool, createDriver } from '@flyroute/mysql2'
import { createPool } from '@flyroute/mysql2/promise'
import { type MysqlCluster, startMariadb } from '@flyroute/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { eq } from 'drizzle-orm'
import { int, mysqlTable } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import knex from 'knex'
// @ts-expect-error: what one extends to bring a driver along has no types
import KnexMysql2 from 'knex/lib/dialects/mysql2/index.js'
import { type Generated, Kysely, MysqlDialect } from 'kysely'
import { DataTypes, Sequelize } from 'sequelize'
import { DataSource, EntitySchema } from 'typeorm'

/** The ordinary operations of an ORM on one table, in its own words. */
interface Orm {
  create(id: number): Promise<unknown>
  read(id: number): Promise<number | undefined>
  update(id: number, value: number): Promise<unknown>
  /** Reads a row, and writes the next value, in a transaction. */
  increment(id: number): Promise<unknown>
  /** A transaction that only reads. */
  readTwice(id: number): Promise<number | undefined>
  lock(id: number): Promise<unknown>
  /** A change of the schema. */
  migrate(table: string): Promise<unknown>
  end(): Promise<unknown>
}

type Env = Record<string, string>
interface Row {
  id: number
  value: number
}

const orms: Record<string, (env: Env) => Orm | Promise<Orm>> = {
  Drizzle,
  Kysely: KyselyOrm,
  TypeORM,
  Sequelize: SequelizeOrm,
  Knex,
}

let cluster: MysqlCluster
const opened: Orm[] = []
beforeAll(async () => {
  cluster = await startMariadb({ replicas: 1 })
  await cluster.primary.query('create table app.item (id int primary key, value int not null)')
  await cluster.caughtUp()
})
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

  test('on the primary everything runs', async () => {
    const orm = await open('ord')
    const id = ++lastId
    await orm.create(id)
    await orm.update(id, 5)
    await orm.increment(id)
    await orm.lock(id)
    expect([await orm.read(id), await orm.readTwice(id)]).toEqual([6, 6])
    await orm.migrate(`made_by_${name.toLowerCase()}`)
  })

  test('on a replica reads run, and each write surfaces as what it is', async () => {
    const id = ++lastId
    await cluster.primary.query(`insert into app.item values (${id}, 7)`)
    await cluster.caughtUp()
    const orm = await open('ams')
    expect([await orm.read(id), await orm.readTwice(id)]).toEqual([7, 7])
    const writes: Record<string, () => Promise<unknown>> = {
      create: () => orm.create(id + 1_000),
      update: () => orm.update(id, 1),
      increment: () => orm.increment(id),
      lock: () => orm.lock(id),
      migrate: () => orm.migrate(`refused_by_${name.toLowerCase()}`),
    }
    for (const [operation, write] of Object.entries(writes)) {
      const error = await write().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect([operation, isPrimaryRequired(error)]).toEqual([operation, true])
    }
    // The connection is as good as before, and so is the data.
    expect([await orm.read(id), await orm.readTwice(id)]).toEqual([7, 7])
  })
})

function Drizzle(env: Env): Orm {
  const item = mysqlTable('item', { id: int().primaryKey(), value: int().notNull() })
  const pool = createPool({ env })
  const db = drizzle({ client: pool as never })
  const select = (id: number) => db.select().from(item).where(eq(item.id, id))
  return {
    create: (id) => db.insert(item).values({ id, value: 0 }),
    read: async (id) => (await select(id))[0]?.value,
    update: (id, value) => db.update(item).set({ value }).where(eq(item.id, id)),
    increment: (id) =>
      db.transaction(async (tx) => {
        const [row] = await tx.select().from(item).where(eq(item.id, id))
        await tx
          .update(item)
          .set({ value: row!.value + 1 })
          .where(eq(item.id, id))
      }),
    readTwice: (id) => db.transaction(async (tx) => (await tx.select().from(item).where(eq(item.id, id)))[0]?.value),
    lock: (id) => db.transaction((tx) => tx.select().from(item).where(eq(item.id, id)).for('update')),
    migrate: (table) => db.execute(`create table ${table} (id int)`),
    end: () => pool.end(),
  }
}

function KyselyOrm(env: Env): Orm {
  const db = new Kysely<{ item: { id: number; value: Generated<number> } }>({
    dialect: new MysqlDialect({ pool: createCallbackPool({ env }) }),
  })
  const select = (id: number) => db.selectFrom('item').selectAll().where('id', '=', id)
  return {
    create: (id) => db.insertInto('item').values({ id, value: 0 }).execute(),
    read: async (id) => (await select(id).executeTakeFirst())?.value,
    update: (id, value) => db.updateTable('item').set({ value }).where('id', '=', id).execute(),
    increment: (id) =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (tx) => {
          const row = await tx.selectFrom('item').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
          await tx
            .updateTable('item')
            .set({ value: row.value + 1 })
            .where('id', '=', id)
            .execute()
        }),
    readTwice: async (id) => {
      let value: number | undefined
      await db.transaction().execute(async (tx) => {
        for await (const row of tx.selectFrom('item').selectAll().where('id', '=', id).stream()) value = row.value
      })
      return value
    },
    lock: (id) => select(id).forUpdate().execute(),
    migrate: (table) => db.schema.createTable(table).addColumn('id', 'integer').execute(),
    end: () => db.destroy(),
  }
}

async function TypeORM(env: Env): Promise<Orm> {
  const Item = new EntitySchema<Row>({
    name: 'item',
    columns: { id: { type: 'int', primary: true }, value: { type: 'int' } },
  })
  const source = new DataSource({ type: 'mariadb', driver: createDriver({ env }), entities: [Item] })
  await source.initialize()
  const items = source.getRepository(Item)
  return {
    create: (id) => items.insert({ id, value: 0 }),
    read: async (id) => (await items.findOneBy({ id }))?.value,
    update: (id, value) => items.update({ id }, { value }),
    increment: (id) =>
      source.transaction(async (manager) => {
        const row = await manager.findOneByOrFail(Item, { id })
        row.value++
        await manager.save(Item, row)
      }),
    readTwice: (id) => source.transaction(async (manager) => (await manager.findOneBy(Item, { id }))?.value),
    lock: (id) =>
      source.transaction((manager) => manager.findOne(Item, { where: { id }, lock: { mode: 'pessimistic_write' } })),
    migrate: async (table) => {
      const runner = source.createQueryRunner()
      try {
        await runner.query(`create table ${table} (id int)`)
      } finally {
        await runner.release()
      }
    },
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
  const valueOf = (row: { get(name: string): unknown } | null): number | undefined =>
    row?.get('value') as number | undefined
  return {
    create: (id) => Item.create({ id, value: 0 }),
    read: async (id) => valueOf(await Item.findByPk(id)),
    update: (id, value) => Item.update({ value }, { where: { id } }),
    increment: (id) =>
      db.transaction(async (transaction) => {
        const row = await Item.findByPk(id, { transaction })
        await row!.update({ value: (valueOf(row) ?? 0) + 1 }, { transaction })
      }),
    readTwice: (id) => db.transaction(async (transaction) => valueOf(await Item.findByPk(id, { transaction }))),
    lock: (id) => db.transaction((transaction) => Item.findByPk(id, { transaction, lock: transaction.LOCK.UPDATE })),
    migrate: (table) => db.getQueryInterface().createTable(table, { id: DataTypes.INTEGER }),
    end: () => db.close(),
  }
}

function Knex(env: Env): Orm {
  const driver = createDriver({ env })
  class Client extends (KnexMysql2 as unknown as new (config: object) => object) {
    _driver(): unknown {
      return driver
    }
  }
  const db = knex({ client: Client as never, connection: env['DATABASE_URL']!, pool: { min: 0, max: 2 } })
  const items = () => db<Row>('item')
  return {
    create: (id) => items().insert({ id, value: 0 }),
    read: async (id) => (await items().where({ id }).first())?.value,
    update: (id, value) => items().where({ id }).update({ value }),
    increment: (id) =>
      db.transaction(async (tx) => {
        const row = await tx<Row>('item').where({ id }).first()
        await tx<Row>('item')
          .where({ id })
          .update({ value: row!.value + 1 })
      }),
    readTwice: (id) => db.transaction(async (tx) => (await tx<Row>('item').where({ id }).first())?.value),
    lock: (id) => db.transaction((tx) => tx<Row>('item').where({ id }).forUpdate()),
    migrate: (table) => db.schema.createTable(table, (columns) => void columns.integer('id')),
    end: () => db.destroy(),
  }
}
