import 'reflect-metadata'
import { defineOrm, GivenUp, onlyGivenUp } from '@flyroute/matrix'
import { DataSource, MoreThan } from 'typeorm'
import { AuthorEntity, PostEntity } from './entities.ts'
import { Shelf1700000000000 } from './migrations.ts'

export const suite = defineOrm({
  async open({ url, driver }) {
    const db = new DataSource({
      type: 'postgres',
      driver,
      url,
      entities: [AuthorEntity, PostEntity],
      migrations: [Shelf1700000000000],
    })
    await db.initialize()
    const { master } = db.driver as unknown as { master: { totalCount: number; idleCount: number } }
    return { db, inUse: () => master.totalCount - master.idleCount, close: () => db.destroy() }
  },
  connect: (db) => db.initialize(),
  lacks: {},
  operations(db: DataSource) {
    const authors = db.getRepository(AuthorEntity)
    const posts = db.getRepository(PostEntity)
    return {
      find: () => authors.find({ where: { age: MoreThan(10) }, order: { name: 'DESC' }, take: 2, skip: 0 }),
      'find one': () => authors.findOneByOrFail({ name: 'Ada' }),
      'find none': () => authors.findOneBy({ name: 'Zoe' }),
      relations: () =>
        authors.find({ relations: { posts: { author: true } }, order: { id: 'ASC', posts: { id: 'ASC' } }, take: 2 }),
      count: () => authors.count(),
      aggregate: () =>
        authors
          .createQueryBuilder('a')
          .leftJoin('a.posts', 'p')
          .select('a.name', 'name')
          .addSelect('count(p.id)', 'posts')
          .addSelect('avg(p.price)', 'price')
          .groupBy('a.name')
          .having('count(p.id) > :least', { least: 0 })
          .orderBy('a.name')
          .getRawMany(),
      'column types': () => posts.find({ order: { id: 'ASC' } }),
      'raw read': () => db.query("select $1::text as text, now() > '2020-01-01' as late", ['for update']),
      stream: async () => {
        const found: unknown[] = []
        const stream = await posts.createQueryBuilder('p').select(['p.id', 'p.title']).orderBy('p.id').stream()
        for await (const row of stream) found.push(row)
        return found
      },
      'reads at once': () =>
        Promise.all(
          Array.from({ length: 20 }, (_, age) => authors.find({ where: { age: MoreThan(age * 2) }, order: { id: 1 } })),
        ),

      insert: () => authors.save({ name: 'Dan', age: 20 }),
      'insert many': () =>
        authors.insert([
          { name: 'Dan', age: 20 },
          { name: 'Eve', age: 30 },
        ]),
      upsert: () => authors.upsert({ name: 'Ada', age: 37 }, ['name']),
      'insert or ignore': () =>
        authors
          .createQueryBuilder()
          .insert()
          .values([{ name: 'Ada' }, { name: 'Dan' }])
          .orIgnore()
          .execute(),
      update: async () => {
        const ada = await authors.findOneByOrFail({ name: 'Ada' })
        ada.age = 38
        return authors.save(ada)
      },
      increment: () => authors.increment({ age: MoreThan(0) }, 'age', 1),
      delete: async () => authors.remove(await authors.findOneByOrFail({ name: 'Bob' })),
      'nested write': () => authors.save({ name: 'Dan', posts: [{ title: 'one' }, { title: 'two' }] }),
      'raw write': () => db.query('update author set age = 1 where name = $1 returning id, age', ['Ada']),
      'writing CTE': () => db.query('with gone as (delete from post where id = 3 returning *) select title from gone'),
      'writing function': () => db.query('select touch($1)', [1]),
      sequence: () => db.query("select nextval('author_id_seq')"),
      'writes at once': () =>
        Promise.all(
          [1, 2, 3, 4, 5, 6].map((n) =>
            db.query('insert into author (id, name) values ($1, $2) returning *', [100 + n, `n${n}`]),
          ),
        ),

      'read transaction': () =>
        db.transaction(async (manager) => [
          await manager.count(AuthorEntity),
          await manager.find(PostEntity, { select: { id: true, title: true }, order: { id: 'ASC' } }),
        ]),
      'read-only transaction': () =>
        db.transaction('REPEATABLE READ', async (manager) => {
          await manager.query('set transaction read only')
          return manager.find(AuthorEntity, { order: { id: 'ASC' } })
        }),
      'nested read transaction': () =>
        db.transaction(async (manager) => [
          await manager.find(AuthorEntity, { order: { id: 'ASC' } }),
          await manager.transaction((inner) => inner.count(PostEntity)),
        ]),
      'abandoned read transaction': () =>
        db
          .transaction(async (manager) => {
            await manager.find(AuthorEntity)
            throw new GivenUp()
          })
          .catch(onlyGivenUp),
      'write transaction': async () => {
        const runner = db.createQueryRunner()
        try {
          await runner.startTransaction()
          await runner.manager.insert(AuthorEntity, { name: 'Dan' })
          await runner.manager.update(AuthorEntity, { name: 'Dan' }, { age: 5 })
          const found = await runner.manager.findOneBy(AuthorEntity, { name: 'Dan' })
          await runner.commitTransaction()
          return found
        } catch (error) {
          await runner.rollbackTransaction()
          throw error
        } finally {
          await runner.release()
        }
      },
      'read, then write': () =>
        db.transaction(async (manager) => {
          const ada = await manager.findOneByOrFail(AuthorEntity, { name: 'Ada' })
          ada.age = (ada.age ?? 0) + 1
          return manager.save(AuthorEntity, ada)
        }),
      'nested transaction': () =>
        db.transaction(async (manager) => {
          await manager.find(AuthorEntity)
          return manager.transaction(async (inner) => {
            await inner.find(AuthorEntity)
            return inner.save(AuthorEntity, { name: 'Dan' })
          })
        }),
      'nested rollback': () =>
        db.transaction(async (manager) => {
          await manager.insert(AuthorEntity, { name: 'Dan' })
          const inner = manager.transaction(async (nested) => {
            await nested.insert(AuthorEntity, { name: 'Eve' })
            throw new GivenUp()
          })
          return inner.catch(onlyGivenUp)
        }),
      rollback: () =>
        db
          .transaction(async (manager) => {
            await manager.insert(AuthorEntity, { name: 'Dan' })
            throw new GivenUp()
          })
          .catch(onlyGivenUp),

      'for update': () =>
        db.transaction((manager) =>
          manager.findOne(AuthorEntity, { where: { id: 1 }, lock: { mode: 'pessimistic_write' } }),
        ),
      'for share': () =>
        db.transaction((manager) =>
          manager.findOne(AuthorEntity, { where: { id: 1 }, lock: { mode: 'pessimistic_read' } }),
        ),
      'skip locked': () =>
        db.transaction((manager) =>
          manager.findOne(AuthorEntity, {
            where: { id: 1 },
            lock: { mode: 'pessimistic_write', onLocked: 'skip_locked' },
          }),
        ),
      'advisory lock': () => db.transaction((manager) => manager.query('select pg_advisory_xact_lock(1)')),

      introspection: async () => {
        const runner = db.createQueryRunner()
        try {
          const table = await runner.getTable('post')
          return table?.columns.map(({ name, type, isNullable }) => ({ name, type, isNullable }))
        } finally {
          await runner.release()
        }
      },
      'migrate up and down': async () => {
        const up = await db.runMigrations({ transaction: 'each' })
        const made = await db.query("select to_regclass('shelf')::text as shelf")
        await db.undoLastMigration()
        return [up.map(({ name }) => name), made]
      },
      'change a table': () => db.query('alter table author add column email text'),

      'unknown column': () => db.query('select nothing from author'),
      'unique violation': () => authors.insert({ name: 'Ada' }),
      'unique violation in a transaction': () =>
        db.transaction(async (manager) => {
          await manager.find(AuthorEntity)
          await manager.save(AuthorEntity, { name: 'Ada' })
        }),
    }
  },
})
