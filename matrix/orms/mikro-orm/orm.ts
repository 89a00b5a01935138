import { defineOrm, GivenUp, onlyGivenUp } from '@flyroute/matrix'
import { IsolationLevel, LockMode } from '@mikro-orm/core'
import { Migrator } from '@mikro-orm/migrations'
import { MikroORM, type SqlEntityManager } from '@mikro-orm/postgresql'
import { Author, Post } from './entities.ts'
import { migrations } from './migrations.ts'
import { inUse, plug, streamed } from './version.ts'

export const suite = defineOrm({
  async open(source) {
    const db = await MikroORM.init({
      clientUrl: source.url,
      ...plug(source),
      entities: [Author, Post],
      extensions: [Migrator],
      migrations,
      debug: false,
    })
    const count = await inUse(db)
    return { db, inUse: count, close: () => db.close(true) }
  },
  lacks: {},
  operations(db: MikroORM) {
    const em = (): SqlEntityManager => db.em.fork()
    const plain = (found: unknown): unknown => JSON.parse(JSON.stringify(found))
    const sql = (query: string, params: unknown[] = []) => em().getConnection().execute(query, params)
    return {
      find: async () =>
        plain(await em().find(Author, { age: { $gt: 10 } }, { orderBy: { name: 'desc' }, limit: 2, offset: 0 })),
      'find one': async () => plain(await em().findOneOrFail(Author, { name: 'Ada' })),
      'find none': () => em().findOne(Author, { name: 'Zoe' }),
      relations: async () =>
        plain(await em().find(Author, {}, { populate: ['posts'], orderBy: { id: 'asc', posts: { id: 'asc' } } })),
      count: async () => plain(await em().findAndCount(Author, { name: { $like: '%a%' } }, { orderBy: { id: 'asc' } })),
      aggregate: () =>
        sql(
          'select a.name, count(p.id) as posts, avg(p.price) as price from author a join post p on p.author_id = a.id group by a.name order by a.name',
        ),
      'column types': async () => plain(await em().find(Post, {}, { orderBy: { id: 'asc' } })),
      'raw read': () => sql("select ?::text as text, now() > '2020-01-01' as late", ['for update']),
      stream: () => streamed(em()),
      'reads at once': async () =>
        plain(
          await Promise.all(
            Array.from({ length: 20 }, (_, age) =>
              em().find(Author, { age: { $gt: age * 2 } }, { orderBy: { id: 'asc' } }),
            ),
          ),
        ),

      insert: async () => {
        const fork = em()
        const dan = fork.create(Author, { name: 'Dan', age: 20 })
        await fork.flush()
        return plain(dan)
      },
      'insert many': () =>
        em().insertMany(Author, [
          { name: 'Dan', age: 20 },
          { name: 'Eve', age: 30 },
        ]),
      upsert: async () => plain(await em().upsert(Author, { name: 'Ada', age: 37 })),
      'insert or ignore': async () =>
        plain(
          await em().upsertMany(Author, [{ name: 'Ada' }, { name: 'Dan' }], {
            onConflictFields: ['name'],
            onConflictAction: 'ignore',
          }),
        ),
      update: async () => {
        const fork = em()
        const ada = await fork.findOneOrFail(Author, { name: 'Ada' })
        ada.age = 38
        await fork.flush()
        return plain(ada)
      },
      increment: () => em().nativeUpdate(Author, { name: 'Ada' }, { age: 39 }),
      delete: async () => {
        const fork = em()
        fork.remove(await fork.findOneOrFail(Author, { name: 'Bob' }))
        await fork.flush()
      },
      'nested write': async () => {
        const fork = em()
        const dan = fork.create(Author, { name: 'Dan' })
        fork.create(Post, { title: 'one', details: null, author: dan })
        fork.create(Post, { title: 'two', details: null, author: dan })
        await fork.flush()
        return plain(dan)
      },
      'raw write': () => sql('update author set age = 1 where name = ? returning id, age', ['Ada']),
      'writing CTE': () => sql('with gone as (delete from post where id = 3 returning *) select title from gone'),
      'writing function': () => sql('select touch(?)', [1]),
      sequence: () => sql("select nextval('author_id_seq')"),
      'writes at once': () =>
        Promise.all([1, 2, 3, 4, 5, 6].map((n) => em().insert(Author, { id: 100 + n, name: `n${n}` }))),

      'read transaction': () =>
        em().transactional(async (tx) => [
          await tx.count(Author),
          plain(await tx.find(Post, {}, { orderBy: { id: 'asc' } })),
        ]),
      'read-only transaction': async () =>
        plain(
          await em().transactional((tx) => tx.find(Author, {}, { orderBy: { id: 'asc' } }), {
            isolationLevel: IsolationLevel.REPEATABLE_READ,
            readOnly: true,
          }),
        ),
      'nested read transaction': () =>
        em().transactional(async (tx) => [
          await tx.count(Author),
          await tx.transactional((inner) => inner.count(Post)),
        ]),
      'abandoned read transaction': () =>
        em()
          .transactional(async (tx) => {
            await tx.find(Author, {})
            throw new GivenUp()
          })
          .catch(onlyGivenUp),
      'write transaction': async () => {
        const tx = em()
        await tx.begin()
        try {
          await tx.insert(Author, { name: 'Dan' })
          await tx.nativeUpdate(Author, { name: 'Dan' }, { age: 5 })
          const found = plain(await tx.find(Author, { name: 'Dan' }))
          await tx.commit()
          return found
        } catch (error) {
          await tx.rollback()
          throw error
        }
      },
      'read, then write': () =>
        em().transactional(async (tx) => {
          const ada = await tx.findOneOrFail(Author, { name: 'Ada' })
          ada.age = (ada.age ?? 0) + 1
          return plain(ada)
        }),
      'nested transaction': () =>
        em().transactional(async (tx) => {
          await tx.find(Author, {})
          return tx.transactional(async (inner) => {
            await inner.find(Author, {})
            return inner.insert(Author, { name: 'Dan' })
          })
        }),
      'nested rollback': () =>
        em().transactional(async (tx) => {
          await tx.insert(Author, { name: 'Dan' })
          const inner = tx.transactional(async (nested) => {
            await nested.insert(Author, { name: 'Eve' })
            throw new GivenUp()
          })
          return inner.catch(onlyGivenUp)
        }),
      rollback: () =>
        em()
          .transactional(async (tx) => {
            await tx.insert(Author, { name: 'Dan' })
            throw new GivenUp()
          })
          .catch(onlyGivenUp),

      'for update': () =>
        em().transactional(async (tx) =>
          plain(await tx.findOne(Author, { id: 1 }, { lockMode: LockMode.PESSIMISTIC_WRITE })),
        ),
      'for share': () =>
        em().transactional(async (tx) =>
          plain(await tx.findOne(Author, { id: 1 }, { lockMode: LockMode.PESSIMISTIC_READ })),
        ),
      'skip locked': () =>
        em().transactional(async (tx) =>
          plain(await tx.findOne(Author, { id: 1 }, { lockMode: LockMode.PESSIMISTIC_PARTIAL_WRITE })),
        ),
      'advisory lock': () => em().transactional((tx) => tx.execute('select pg_advisory_xact_lock(1)')),

      introspection: () => db.schema.getUpdateSchemaSQL({ safe: true }),
      'migrate up and down': async () => {
        // It remembers that its table is there, which is not so here.
        const migrator = new Migrator(db.em)
        const up = await migrator.up()
        const made = await sql("select to_regclass('shelf')::text as shelf")
        const down = await migrator.down()
        return [up.map(({ name }) => name), made, down.map(({ name }) => name)]
      },
      'change a table': () => db.schema.execute('alter table author add column email text'),

      'unknown column': () => sql('select nothing from author'),
      'unique violation': async () => {
        const fork = em()
        fork.create(Author, { name: 'Ada' })
        await fork.flush()
      },
      'unique violation in a transaction': () =>
        em().transactional(async (tx) => {
          await tx.find(Author, {})
          await tx.insert(Author, { name: 'Ada' })
        }),
    }
  },
})
