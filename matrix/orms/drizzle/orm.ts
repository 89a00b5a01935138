import { fileURLToPath } from 'node:url'
import { defineOrm } from '@flyroute/matrix'
import { and, asc, avg, count, desc, eq, gt, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import * as schema from './schema.ts'

const { authors, posts } = schema

export const suite = defineOrm({
  open({ pool }) {
    return {
      db: drizzle({ client: pool, schema }),
      inUse: () => pool.totalCount - pool.idleCount,
      close: async () => undefined,
    }
  },
  lacks: {
    stream: 'drizzle-orm/node-postgres has no iterator',
    introspection: 'done by drizzle-kit, on a connection of its own',
  },
  operations: (db: NodePgDatabase<typeof schema>) => ({
    find: () => db.select().from(authors).where(gt(authors.age, 10)).orderBy(desc(authors.name)).limit(2).offset(0),
    'find one': () => db.query.authors.findFirst({ where: eq(authors.name, 'Ada') }),
    'find none': async () => (await db.query.authors.findFirst({ where: eq(authors.name, 'Zoe') })) ?? null,
    relations: () =>
      db.query.authors.findMany({
        orderBy: asc(authors.id),
        with: { posts: { columns: { title: true }, orderBy: asc(posts.id), with: { author: true } } },
      }),
    count: () => db.$count(authors),
    aggregate: () =>
      db
        .select({ name: authors.name, posts: count(posts.id), price: avg(posts.price) })
        .from(authors)
        .leftJoin(posts, eq(posts.authorId, authors.id))
        .groupBy(authors.name)
        .having(({ posts: number }) => gt(number, 0))
        .orderBy(authors.name),
    'column types': () => db.select().from(posts).orderBy(posts.id),
    'raw read': () => db.execute(sql`select ${'for update'}::text as text, now() > '2020-01-01' as late`),
    'reads at once': () =>
      Promise.all(
        Array.from({ length: 20 }, (_, age) =>
          db
            .select()
            .from(authors)
            .where(gt(authors.age, age * 2)),
        ),
      ),

    insert: () => db.insert(authors).values({ name: 'Dan', age: 20 }).returning(),
    'insert many': () =>
      db.insert(authors).values([
        { name: 'Dan', age: 20 },
        { name: 'Eve', age: 30 },
      ]),
    upsert: () =>
      db
        .insert(authors)
        .values([{ name: 'Ada', age: 37 }])
        .onConflictDoUpdate({ target: authors.name, set: { age: sql`excluded.age` } })
        .returning(),
    'insert or ignore': () =>
      db
        .insert(authors)
        .values([{ name: 'Ada' }, { name: 'Dan' }])
        .onConflictDoNothing()
        .returning({ name: authors.name }),
    update: () => db.update(authors).set({ age: 38 }).where(eq(authors.name, 'Ada')).returning(),
    increment: () =>
      db
        .update(authors)
        .set({ age: sql`${authors.age} + 1` })
        .where(gt(authors.age, 0)),
    delete: () => db.delete(authors).where(eq(authors.name, 'Bob')).returning(),
    'nested write': () =>
      db.transaction(async (tx) => {
        const [author] = await tx.insert(authors).values({ name: 'Dan' }).returning()
        return tx
          .insert(posts)
          .values([
            { title: 'one', authorId: author!.id },
            { title: 'two', authorId: author!.id },
          ])
          .returning()
      }),
    'raw write': () => db.execute(sql`update author set age = 1 where name = ${'Ada'} returning id, age`),
    'writing CTE': () => {
      const gone = db.$with('gone').as(db.delete(posts).where(eq(posts.id, 3)).returning())
      return db.with(gone).select({ title: gone.title }).from(gone)
    },
    'writing function': () => db.execute(sql`select touch(${1})`),
    sequence: () => db.execute(sql`select nextval('author_id_seq')`),
    'writes at once': () =>
      Promise.all(
        [1, 2, 3, 4, 5, 6].map((n) =>
          db
            .insert(authors)
            .values({ id: 100 + n, name: `n${n}` })
            .returning(),
        ),
      ),

    'read transaction': () =>
      db.transaction(async (tx) => [
        await tx.$count(authors),
        await tx.select().from(posts).where(eq(posts.authorId, 1)).orderBy(posts.id),
      ]),
    'read-only transaction': () =>
      db.transaction((tx) => tx.select().from(authors).orderBy(authors.id), {
        isolationLevel: 'repeatable read',
        accessMode: 'read only',
      }),
    'nested read transaction': () =>
      db.transaction(async (tx) => [
        await tx.$count(authors),
        await tx.transaction((inner) => inner.select().from(authors).orderBy(authors.id)),
      ]),
    'abandoned read transaction': () =>
      db
        .transaction(async (tx) => {
          await tx.select().from(authors)
          throw new Error('given up')
        })
        .catch((error: Error) => error.message),
    'write transaction': () =>
      db.transaction(async (tx) => {
        await tx.insert(authors).values({ name: 'Dan' })
        await tx.update(authors).set({ age: 5 }).where(eq(authors.name, 'Dan'))
        return tx.$count(authors)
      }),
    'read, then write': () =>
      db.transaction(async (tx) => {
        const [ada] = await tx.select().from(authors).where(eq(authors.name, 'Ada'))
        return tx
          .update(authors)
          .set({ age: ada!.age! + 1 })
          .where(eq(authors.id, ada!.id))
          .returning()
      }),
    'nested transaction': () =>
      db.transaction(async (tx) => {
        await tx.select().from(authors)
        return tx.transaction(async (inner) => {
          await inner.select().from(authors)
          return inner.insert(authors).values({ name: 'Dan' }).returning()
        })
      }),
    'nested rollback': () =>
      db.transaction(async (tx) => {
        await tx.insert(authors).values({ name: 'Dan' })
        const inner = tx.transaction(async (nested) => {
          await nested.insert(authors).values({ name: 'Eve' })
          nested.rollback()
        })
        return inner.catch((error: Error) => error.message)
      }),
    rollback: () =>
      db
        .transaction(async (tx) => {
          await tx.insert(authors).values({ name: 'Dan' })
          throw new GivenUp()
        })
        .catch(onlyGivenUp),

    'for update': () => db.transaction((tx) => tx.select().from(authors).where(eq(authors.id, 1)).for('update')),
    'for share': () => db.transaction((tx) => tx.select().from(authors).where(eq(authors.id, 1)).for('share')),
    'skip locked': () =>
      db.transaction((tx) =>
        tx
          .select()
          .from(authors)
          .where(and(gt(authors.age, 0)))
          .orderBy(authors.id)
          .limit(1)
          .for('update', { skipLocked: true }),
      ),
    'advisory lock': () => db.transaction((tx) => tx.execute(sql`select pg_advisory_xact_lock(1)`)),

    'migrate up and down': async () => {
      await migrate(db, { migrationsFolder: fileURLToPath(new URL('migrations', import.meta.url)) })
      return (await db.execute(sql`select hash from drizzle.__drizzle_migrations`)).rows
    },
    'change a table': async () => {
      await db.execute(sql`alter table author add column email text`)
      return db.select({ email: sql`email` }).from(authors)
    },

    'unknown column': () => db.execute(sql`select nothing from author`),
    'unique violation': () => db.insert(authors).values({ name: 'Ada' }),
    'unique violation in a transaction': () =>
      db.transaction(async (tx) => {
        await tx.select().from(authors)
        await tx.insert(authors).values({ name: 'Ada' })
      }),
  }),
})

/** What the app itself throws in its transaction. */
class GivenUp extends Error {}

function onlyGivenUp(error: unknown): string {
  if (error instanceof GivenUp) return 'given up'
  throw error
}
