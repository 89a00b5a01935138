import { defineOrm, GivenUp, onlyGivenUp } from '@flyroute/matrix'
import { DataTypes, fn, literal, Op, QueryTypes, Sequelize, Transaction } from 'sequelize'
import { SequelizeStorage, Umzug } from 'umzug'
import { shelf } from './migrations.ts'
import { define } from './models.ts'

const readOnly = { readOnly: true, isolationLevel: Transaction.ISOLATION_LEVELS.REPEATABLE_READ }

export const suite = defineOrm({
  open({ url, driver }) {
    const db = new Sequelize(url, { dialectModule: driver, logging: false, pool: { max: 5 } })
    define(db)
    const { pool } = db.connectionManager as unknown as { pool: { using: number } }
    return { db, inUse: () => pool.using, close: () => db.close() }
  },
  lacks: {
    stream: 'Sequelize 6 has no streams',
  },
  operations(db: Sequelize) {
    const { author: Author, post: Post } = db.models as Record<'author' | 'post', (typeof db.models)[string]>
    const where = { name: 'Ada' }
    return {
      find: () =>
        Author.findAll({ where: { age: { [Op.gt]: 10 } }, order: [['name', 'DESC']], limit: 2, offset: 0, raw: true }),
      'find one': () => Author.findOne({ where, rejectOnEmpty: true, raw: true }),
      'find none': () => Author.findOne({ where: { name: 'Zoe' } }),
      relations: async () => {
        const found = await Author.findAll({
          include: [{ model: Post, as: 'posts', include: [{ model: Author, as: 'author' }] }],
          order: ['id', [{ model: Post, as: 'posts' }, 'id', 'ASC']],
        })
        return found.map((one) => one.get({ plain: true }))
      },
      count: () => Author.count(),
      aggregate: () =>
        Author.findAll({
          attributes: [
            'name',
            [fn('count', literal('"posts"."id"')), 'total'],
            [fn('avg', literal('"posts"."price"')), 'price'],
          ],
          include: [{ model: Post, as: 'posts', attributes: [] }],
          group: ['author.id'],
          order: ['name'],
          raw: true,
        }),
      'column types': () => Post.findAll({ order: ['id'], raw: true }),
      'raw read': () =>
        db.query("select :text::text as text, now() > '2020-01-01' as late", {
          replacements: { text: 'for update' },
          type: QueryTypes.SELECT,
        }),
      'reads at once': () =>
        Promise.all(
          Array.from({ length: 20 }, (_, age) => Author.findAll({ where: { age: { [Op.gt]: age * 2 } }, raw: true })),
        ),

      insert: async () => (await Author.create({ name: 'Dan', age: 20 })).get({ plain: true }),
      'insert many': async () =>
        (
          await Author.bulkCreate([
            { name: 'Dan', age: 20 },
            { name: 'Eve', age: 30 },
          ])
        ).map((one) => one.get({ plain: true })),
      upsert: async () => {
        const [ada, created] = await Author.upsert({ name: 'Ada', age: 37 }, { conflictFields: ['name'] })
        return [ada.get({ plain: true }), created]
      },
      'insert or ignore': async () =>
        (await Author.bulkCreate([{ name: 'Ada' }, { name: 'Dan' }], { ignoreDuplicates: true })).length,
      update: async () => {
        const ada = await Author.findOne({ where, rejectOnEmpty: true })
        return (await ada.update({ age: 38 })).get({ plain: true })
      },
      increment: async () => (await Author.increment('age', { where: { age: { [Op.gt]: 0 } } })).length,
      delete: () => Author.destroy({ where: { name: 'Bob' } }),
      'nested write': async () => {
        const dan = await Author.create(
          { name: 'Dan', posts: [{ title: 'one' }] },
          { include: [{ model: Post, as: 'posts' }] },
        )
        return dan.get({ plain: true })
      },
      'raw write': () => db.query('update author set age = 1 where name = $1 returning id, age', { bind: ['Ada'] }),
      'writing CTE': () => db.query('with gone as (delete from post where id = 3 returning *) select title from gone'),
      'writing function': () => db.query('select touch($1)', { bind: [1], type: QueryTypes.SELECT }),
      sequence: () => db.query("select nextval('author_id_seq')", { type: QueryTypes.SELECT }),
      'writes at once': async () =>
        (await Promise.all([1, 2, 3, 4, 5, 6].map((n) => Author.create({ id: 100 + n, name: `n${n}` })))).map((one) =>
          one.get({ plain: true }),
        ),

      'read transaction': () =>
        db.transaction(async (transaction) => [
          await Author.count({ transaction }),
          await Post.findAll({ attributes: ['title'], order: ['id'], raw: true, transaction }),
        ]),
      'read-only transaction': () =>
        db.transaction(readOnly, (transaction) => Author.findAll({ order: ['id'], raw: true, transaction })),
      'nested read transaction': () =>
        db.transaction(async (transaction) => [
          await Author.findAll({ order: ['id'], raw: true, transaction }),
          await db.transaction({ transaction }, (inner) => Post.count({ transaction: inner })),
        ]),
      'abandoned read transaction': () =>
        db
          .transaction(async (transaction) => {
            await Author.findAll({ transaction })
            throw new GivenUp()
          })
          .catch(onlyGivenUp),
      'write transaction': async () => {
        const transaction = await db.transaction()
        try {
          await Author.create({ name: 'Dan' }, { transaction })
          await Author.update({ age: 5 }, { where: { name: 'Dan' }, transaction })
          const found = await Author.findOne({ where: { name: 'Dan' }, raw: true, transaction })
          await transaction.commit()
          return found
        } catch (error) {
          await transaction.rollback()
          throw error
        }
      },
      'read, then write': () =>
        db.transaction(async (transaction) => {
          const ada = await Author.findOne({ where, rejectOnEmpty: true, transaction })
          await ada.increment('age', { transaction })
          return (await ada.reload({ transaction })).get({ plain: true })
        }),
      'nested transaction': () =>
        db.transaction(async (transaction) => {
          await Author.findAll({ transaction })
          return db.transaction({ transaction }, async (inner) => {
            await Author.findAll({ transaction: inner })
            return (await Author.create({ name: 'Dan' }, { transaction: inner })).get({ plain: true })
          })
        }),
      'nested rollback': () =>
        db.transaction(async (transaction) => {
          await Author.create({ name: 'Dan' }, { transaction })
          const inner = db.transaction({ transaction }, async (nested) => {
            await Author.create({ name: 'Eve' }, { transaction: nested })
            throw new GivenUp()
          })
          return inner.catch(onlyGivenUp)
        }),
      rollback: () =>
        db
          .transaction(async (transaction) => {
            await Author.create({ name: 'Dan' }, { transaction })
            throw new GivenUp()
          })
          .catch(onlyGivenUp),

      'for update': () =>
        db.transaction((transaction) => Author.findByPk(1, { raw: true, transaction, lock: transaction.LOCK.UPDATE })),
      'for share': () =>
        db.transaction((transaction) => Author.findByPk(1, { raw: true, transaction, lock: transaction.LOCK.SHARE })),
      'skip locked': () =>
        db.transaction((transaction) =>
          Author.findAll({ limit: 1, order: ['id'], raw: true, transaction, lock: true, skipLocked: true }),
        ),
      'advisory lock': () =>
        db.transaction((transaction) =>
          db.query('select pg_advisory_xact_lock(1)', { type: QueryTypes.SELECT, transaction }),
        ),

      introspection: async () => [
        await db.getQueryInterface().showAllTables(),
        await db.getQueryInterface().describeTable('post'),
        await db.getQueryInterface().showIndex('author'),
      ],
      'migrate up and down': async () => {
        const umzug = new Umzug({
          migrations: [shelf],
          context: db.getQueryInterface(),
          storage: new SequelizeStorage({ sequelize: db }),
          logger: undefined,
        })
        const up = await umzug.up()
        const tables = await db.getQueryInterface().showAllTables()
        const down = await umzug.down()
        return [up.map(({ name }) => name), tables.sort(), down.map(({ name }) => name)]
      },
      'change a table': async () => {
        await db.getQueryInterface().addColumn('author', 'email', DataTypes.TEXT)
        const Shelf = db.define('shelf', { label: { type: DataTypes.TEXT, unique: true } })
        await Shelf.sync({ alter: true })
        await Shelf.sync({ alter: true })
      },

      'unknown column': () => db.query('select nothing from author'),
      'unique violation': () => Author.create({ name: 'Ada' }),
      'unique violation in a transaction': () =>
        db.transaction(async (transaction) => {
          await Author.findAll({ transaction })
          await Author.create({ name: 'Ada' }, { transaction })
        }),
    }
  },
})
