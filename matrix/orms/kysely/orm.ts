import { defineOrm, GivenUp, onlyGivenUp } from '@flyroute/matrix'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import Cursor from 'pg-cursor'
import type { Database } from './database.ts'
import { Migrator } from './migration.ts'
import { provider } from './migrations.ts'

export const suite = defineOrm({
  open({ pool }) {
    const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
    return {
      db,
      inUse: () => pool.totalCount - pool.idleCount,
      // Ends its pool as well.
      close: () => db.destroy(),
    }
  },
  lacks: {},
  operations: (db: Kysely<Database>) => ({
    find: () =>
      db.selectFrom('author').selectAll().where('age', '>', 10).orderBy('name', 'desc').limit(2).offset(0).execute(),
    'find one': () => db.selectFrom('author').selectAll().where('name', '=', 'Ada').executeTakeFirstOrThrow(),
    'find none': async () =>
      (await db.selectFrom('author').selectAll().where('name', '=', 'Zoe').executeTakeFirst()) ?? null,
    relations: () =>
      db
        .selectFrom('author')
        .select((eb) => [
          'author.name',
          jsonArrayFrom(
            eb
              .selectFrom('post')
              .select(['post.id', 'post.title'])
              .whereRef('post.author_id', '=', 'author.id')
              .orderBy('post.id'),
          ).as('posts'),
        ])
        .orderBy('author.id')
        .execute(),
    count: () =>
      db
        .selectFrom('author')
        .select(({ fn }) => fn.countAll().as('authors'))
        .executeTakeFirst(),
    aggregate: () =>
      db
        .selectFrom('author')
        .leftJoin('post', 'post.author_id', 'author.id')
        .select(({ fn }) => ['author.name', fn.count('post.id').as('posts'), fn.avg('post.price').as('price')])
        .groupBy('author.name')
        .having(({ fn }) => fn.count('post.id'), '>', 0)
        .orderBy('author.name')
        .execute(),
    'column types': () => db.selectFrom('post').selectAll().orderBy('id').execute(),
    'raw read': () => sql`select ${'for update'}::text as text, now() > '2020-01-01' as late`.execute(db),
    stream: async () => {
      const found = []
      for await (const row of db.selectFrom('post').select(['id', 'title']).orderBy('id').stream(2)) found.push(row)
      for await (const row of db.selectFrom('author').selectAll().orderBy('id').stream(1)) {
        found.push(row)
        break // and the cursor is closed
      }
      return found
    },
    'reads at once': () =>
      Promise.all(
        Array.from({ length: 20 }, (_, age) =>
          db
            .selectFrom('author')
            .selectAll()
            .where('age', '>', age * 2)
            .execute(),
        ),
      ),

    insert: () => db.insertInto('author').values({ name: 'Dan', age: 20 }).returningAll().execute(),
    'insert many': () =>
      db
        .insertInto('author')
        .values([
          { name: 'Dan', age: 20 },
          { name: 'Eve', age: 30 },
        ])
        .execute(),
    upsert: () =>
      db
        .insertInto('author')
        .values({ name: 'Ada', age: 37 })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ age: (eb) => eb.ref('excluded.age') }))
        .returningAll()
        .execute(),
    'insert or ignore': () =>
      db
        .insertInto('author')
        .values([{ name: 'Ada' }, { name: 'Dan' }])
        .onConflict((conflict) => conflict.doNothing())
        .returning('name')
        .execute(),
    update: () => db.updateTable('author').set({ age: 38 }).where('name', '=', 'Ada').returningAll().execute(),
    increment: () =>
      db
        .updateTable('author')
        .set((eb) => ({ age: eb('age', '+', 1) }))
        .where('age', '>', 0)
        .execute(),
    delete: () => db.deleteFrom('author').where('name', '=', 'Bob').executeTakeFirst(),
    'nested write': () =>
      db
        .with('dan', (qb) => qb.insertInto('author').values({ name: 'Dan' }).returning('id'))
        .insertInto('post')
        .columns(['title', 'author_id'])
        .expression((eb) => eb.selectFrom('dan').select([sql<string>`'one'`.as('title'), 'dan.id']))
        .returning(['title', 'author_id'])
        .execute(),
    'raw write': () => sql`update author set age = 1 where name = ${'Ada'} returning id, age`.execute(db),
    'writing CTE': () =>
      db
        .with('gone', (qb) => qb.deleteFrom('post').where('id', '=', 3).returningAll())
        .selectFrom('gone')
        .select('title')
        .execute(),
    'writing function': () => db.selectNoFrom((eb) => eb.fn('touch', [eb.val(1)]).as('age')).execute(),
    sequence: () => sql`select nextval('author_id_seq')`.execute(db),
    'writes at once': () =>
      Promise.all(
        [1, 2, 3, 4, 5, 6].map((n) =>
          db
            .insertInto('author')
            .values({ id: 100 + n, name: `n${n}` })
            .returningAll()
            .execute(),
        ),
      ),

    'read transaction': () =>
      db
        .transaction()
        .execute(async (tx) => [
          await tx.selectFrom('author').select('name').orderBy('id').execute(),
          await tx.selectFrom('post').select('title').orderBy('id').execute(),
        ]),
    'read-only transaction': () =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute((tx) => tx.selectFrom('author').selectAll().orderBy('id').execute()),
    'nested read transaction': async () => {
      const tx = await db.startTransaction().execute()
      const before = await tx.selectFrom('author').selectAll().orderBy('id').execute()
      const inner = await tx.savepoint('inner').execute()
      const inside = await inner.selectFrom('post').select('id').orderBy('id').execute()
      await inner.releaseSavepoint('inner').execute()
      await tx.commit().execute()
      return [before, inside]
    },
    'abandoned read transaction': () =>
      db
        .transaction()
        .execute(async (tx) => {
          await tx.selectFrom('author').selectAll().execute()
          throw new GivenUp()
        })
        .catch(onlyGivenUp),
    'write transaction': () =>
      db.transaction().execute(async (tx) => {
        await tx.insertInto('author').values({ name: 'Dan' }).execute()
        await tx.updateTable('author').set({ age: 5 }).where('name', '=', 'Dan').execute()
        return tx.selectFrom('author').select('age').where('name', '=', 'Dan').execute()
      }),
    'read, then write': () =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (tx) => {
          const ada = await tx.selectFrom('author').selectAll().where('name', '=', 'Ada').executeTakeFirstOrThrow()
          return tx
            .updateTable('author')
            .set({ age: (ada.age ?? 0) + 1 })
            .where('id', '=', ada.id)
            .returningAll()
            .execute()
        }),
    'nested transaction': async () => {
      const tx = await db.startTransaction().execute()
      try {
        await tx.selectFrom('author').selectAll().execute()
        const inner = await tx.savepoint('inner').execute()
        await inner.selectFrom('author').selectAll().execute()
        const written = await inner.insertInto('author').values({ name: 'Dan' }).returningAll().execute()
        await inner.releaseSavepoint('inner').execute()
        await tx.commit().execute()
        return written
      } catch (error) {
        await tx.rollback().execute()
        throw error
      }
    },
    'nested rollback': async () => {
      const tx = await db.startTransaction().execute()
      try {
        await tx.insertInto('author').values({ name: 'Dan' }).execute()
        const inner = await tx.savepoint('inner').execute()
        await inner.insertInto('author').values({ name: 'Eve' }).execute()
        await inner.rollbackToSavepoint('inner').execute()
        await tx.commit().execute()
        return 'rolled back'
      } catch (error) {
        await tx.rollback().execute()
        throw error
      }
    },
    rollback: () =>
      db
        .transaction()
        .execute(async (tx) => {
          await tx.insertInto('author').values({ name: 'Dan' }).execute()
          throw new GivenUp()
        })
        .catch(onlyGivenUp),

    'for update': () => db.selectFrom('author').selectAll().where('id', '=', 1).forUpdate().execute(),
    'for share': () =>
      db.transaction().execute((tx) => tx.selectFrom('author').selectAll().where('id', '=', 1).forShare().execute()),
    'skip locked': () =>
      db
        .transaction()
        .execute((tx) => tx.selectFrom('author').selectAll().orderBy('id').limit(1).forUpdate().skipLocked().execute()),
    'advisory lock': () => db.transaction().execute((tx) => sql`select pg_advisory_xact_lock(1)`.execute(tx)),

    introspection: () => db.introspection.getTables(),
    'migrate up and down': async () => {
      const migrator = new Migrator({ db, provider })
      const up = await migrator.migrateToLatest()
      if (up.error !== undefined) throw up.error as Error
      const tables = (await db.introspection.getTables()).map(({ name }) => name)
      const down = await migrator.migrateDown()
      if (down.error !== undefined) throw down.error as Error
      return [up.results, tables, down.results]
    },
    'change a table': () => db.schema.alterTable('author').addColumn('email', 'text').execute(),

    'unknown column': () => sql`select nothing from author`.execute(db),
    'unique violation': () => db.insertInto('author').values({ name: 'Ada' }).execute(),
    'unique violation in a transaction': () =>
      db.transaction().execute(async (tx) => {
        await tx.selectFrom('author').selectAll().execute()
        await tx.insertInto('author').values({ name: 'Ada' }).execute()
      }),
  }),
})
