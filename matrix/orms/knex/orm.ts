import { defineOrm, GivenUp, onlyGivenUp } from '@flyroute/matrix'
import type { Knex } from 'knex'
import { makeKnex } from './knex.ts'
import { migrations } from './migrations.ts'

interface Author {
  id: number
  name: string
  age: number | null
}

interface Post {
  id: number
  title: string
  author_id: number | null
}

export const suite = defineOrm({
  open({ url, driver }) {
    const db = makeKnex({ client: 'pg', connection: url })
    db.client.driver = driver
    return { db, inUse: () => db.client.pool.numUsed(), close: () => db.destroy() }
  },
  lacks: {},
  operations(db: Knex) {
    const authors = () => db<Author>('author')
    const posts = () => db<Post>('post')
    return {
      find: () => authors().where('age', '>', 10).orderBy('name', 'desc').limit(2).offset(0),
      'find one': () => authors().where({ name: 'Ada' }).first(),
      'find none': async () => (await authors().where({ name: 'Zoe' }).first()) ?? null,
      relations: () =>
        db('author as a')
          .leftJoin('post as p', 'p.author_id', 'a.id')
          .select('a.name', 'p.title')
          .orderBy(['a.id', 'p.id']),
      count: () => authors().count(),
      aggregate: () =>
        db('author as a')
          .leftJoin('post as p', 'p.author_id', 'a.id')
          .select('a.name')
          .count('p.id as posts')
          .avg('p.price as price')
          .groupBy('a.name')
          .havingRaw('count(p.id) > ?', [0])
          .orderBy('a.name'),
      'column types': () => posts().orderBy('id'),
      'raw read': () => db.raw("select ?::text as text, now() > '2020-01-01' as late", ['for update']),
      stream: async () => {
        const found: unknown[] = []
        for await (const row of posts().select('id', 'title').orderBy('id').stream({ batchSize: 2 })) found.push(row)
        return found
      },
      'reads at once': () => Promise.all(Array.from({ length: 20 }, (_, age) => authors().where('age', '>', age * 2))),

      insert: () => authors().insert({ name: 'Dan', age: 20 }).returning('*'),
      'insert many': () =>
        db.batchInsert(
          'author',
          [
            { name: 'Dan', age: 20 },
            { name: 'Eve', age: 30 },
          ],
          1,
        ),
      upsert: () => authors().insert({ name: 'Ada', age: 37 }).onConflict('name').merge().returning('*'),
      'insert or ignore': () =>
        authors()
          .insert([{ name: 'Ada' }, { name: 'Dan' }])
          .onConflict('name')
          .ignore()
          .returning('name'),
      update: () => authors().where({ name: 'Ada' }).update({ age: 38 }, '*'),
      increment: () => authors().where('age', '>', 0).increment('age', 1),
      delete: () => authors().where({ name: 'Bob' }).del('*'),
      'nested write': () =>
        db
          .with('dan', db('author').insert({ name: 'Dan' }).returning('id'))
          .insert(db.select(db.raw('?', ['one']), 'id').from('dan'))
          .into(db.raw('?? (??, ??)', ['post', 'title', 'author_id']))
          .returning('title'),
      'raw write': () => db.raw('update author set age = 1 where name = ? returning id, age', ['Ada']),
      'writing CTE': () =>
        db
          .with('gone', posts().where({ id: 3 }).del('*'))
          .select('title')
          .from('gone'),
      'writing function': () => db.select(db.raw('touch(?) as age', [1])),
      sequence: () => db.raw("select nextval('author_id_seq')"),
      'writes at once': () =>
        Promise.all(
          [1, 2, 3, 4, 5, 6].map((n) =>
            authors()
              .insert({ id: 100 + n, name: `n${n}` })
              .returning('*'),
          ),
        ),

      'read transaction': () =>
        db.transaction(async (tx) => [
          await tx('author').select('name').orderBy('id'),
          await tx('post').select('title').orderBy('id'),
        ]),
      'read-only transaction': () =>
        db.transaction((tx) => tx('author').orderBy('id'), { isolationLevel: 'repeatable read', readOnly: true }),
      'nested read transaction': () =>
        db.transaction(async (tx) => [
          await tx('author').orderBy('id'),
          await tx.transaction((inner) => inner('post').select('id').orderBy('id')),
        ]),
      'abandoned read transaction': () =>
        db
          .transaction(async (tx) => {
            await tx('author')
            throw new GivenUp()
          })
          .catch(onlyGivenUp),
      'write transaction': async () => {
        const tx = await db.transaction()
        try {
          await tx('author').insert({ name: 'Dan' })
          await tx('author').where({ name: 'Dan' }).update({ age: 5 })
          const found = await tx('author').where({ name: 'Dan' }).select('age')
          await tx.commit()
          return found
        } catch (error) {
          await tx.rollback()
          throw error
        }
      },
      'read, then write': () =>
        db.transaction(async (tx) => {
          const ada = await tx<Author>('author').where({ name: 'Ada' }).first()
          return tx<Author>('author')
            .where({ id: ada!.id })
            .update({ age: ada!.age! + 1 }, '*')
        }),
      'nested transaction': () =>
        db.transaction(async (tx) => {
          await tx('author')
          return tx.transaction(async (inner) => {
            await inner('author')
            return inner('author').insert({ name: 'Dan' }, '*')
          })
        }),
      'nested rollback': () =>
        db.transaction(async (tx) => {
          await tx('author').insert({ name: 'Dan' })
          const inner = tx.transaction(async (nested) => {
            await nested('author').insert({ name: 'Eve' })
            throw new GivenUp()
          })
          return inner.catch(onlyGivenUp)
        }),
      rollback: () =>
        db
          .transaction(async (tx) => {
            await tx('author').insert({ name: 'Dan' })
            throw new GivenUp()
          })
          .catch(onlyGivenUp),

      'for update': () => db.transaction((tx) => tx('author').where({ id: 1 }).forUpdate()),
      'for share': () => db.transaction((tx) => tx('author').where({ id: 1 }).forShare()),
      'skip locked': () => db.transaction((tx) => tx('author').orderBy('id').limit(1).forUpdate().skipLocked()),
      'advisory lock': () => db.transaction((tx) => tx.raw('select pg_advisory_xact_lock(1)')),

      introspection: async () => [
        await db.schema.hasTable('author'),
        await db.schema.hasColumn('author', 'age'),
        await db('post').columnInfo(),
      ],
      'migrate up and down': async () => {
        const up = await db.migrate.latest({ migrationSource: migrations })
        const made = await db.schema.hasTable('shelf')
        const down = await db.migrate.rollback({ migrationSource: migrations })
        return [up, made, down]
      },
      'change a table': () => db.schema.alterTable('author', (table) => void table.text('email')),

      'unknown column': () => db.raw('select nothing from author'),
      'unique violation': () => authors().insert({ name: 'Ada' }),
      'unique violation in a transaction': () =>
        db.transaction(async (tx) => {
          await tx('author')
          await tx('author').insert({ name: 'Ada' })
        }),
    }
  },
})
