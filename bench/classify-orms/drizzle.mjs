import Database from 'better-sqlite3'
import { and, asc, count, eq, gt, ilike, inArray, like, relations, sql } from 'drizzle-orm'
import * as sqliteDriver from 'drizzle-orm/better-sqlite3'
import * as my from 'drizzle-orm/mysql-core'
import * as mysqlDriver from 'drizzle-orm/mysql2'
import * as postgresDriver from 'drizzle-orm/node-postgres'
import * as pgc from 'drizzle-orm/pg-core'
import * as lite from 'drizzle-orm/sqlite-core'
import mysql from 'mysql2/promise'
import pg from 'pg'

const tables = {
  postgres: () => ({
    users: pgc.pgTable('users', {
      id: pgc.serial('id').primaryKey(),
      name: pgc.text('name').notNull().unique(),
      age: pgc.integer('age'),
    }),
    posts: pgc.pgTable('posts', {
      id: pgc.serial('id').primaryKey(),
      title: pgc.text('title'),
      author: pgc.integer('author'),
    }),
  }),
  mysql: () => ({
    users: my.mysqlTable('users', {
      id: my.serial('id').primaryKey(),
      name: my.varchar('name', { length: 50 }).notNull().unique(),
      age: my.int('age'),
    }),
    posts: my.mysqlTable('posts', {
      id: my.serial('id').primaryKey(),
      title: my.text('title'),
      author: my.int('author'),
    }),
  }),
  sqlite: () => ({
    users: lite.sqliteTable('users', {
      id: lite.integer('id').primaryKey(),
      name: lite.text('name').notNull().unique(),
      age: lite.integer('age'),
    }),
    posts: lite.sqliteTable('posts', {
      id: lite.integer('id').primaryKey(),
      title: lite.text('title'),
      author: lite.integer('author'),
    }),
  }),
}

const ddl = {
  postgres: [
    sql`create table "users" ("id" serial primary key not null, "name" text not null unique, "age" integer)`,
    sql`create table "posts" ("id" serial primary key not null, "title" text, "author" integer)`,
  ],
  mysql: [
    sql`create table \`users\` (\`id\` serial primary key, \`name\` varchar(50) not null unique, \`age\` int)`,
    sql`create table \`posts\` (\`id\` serial primary key, \`title\` text, \`author\` int)`,
  ],
  sqlite: [
    sql`create table users (id integer primary key, name text not null unique, age integer)`,
    sql`create table posts (id integer primary key, title text, author integer)`,
  ],
}

async function open(dialect, url, schema) {
  if (dialect === 'postgres') {
    const pool = new pg.Pool({ connectionString: url })
    return { db: postgresDriver.drizzle(pool, { schema }), close: () => pool.end() }
  }
  if (dialect === 'mysql') {
    const pool = mysql.createPool(url)
    return { db: mysqlDriver.drizzle(pool, { schema, mode: 'default' }), close: () => pool.end() }
  }
  const file = new Database(url)
  return { db: sqliteDriver.drizzle(file, { schema }), close: () => file.close() }
}

export async function run(dialect, url) {
  const { users, posts } = tables[dialect]()
  const schema = {
    users,
    posts,
    usersRelations: relations(users, ({ many }) => ({ posts: many(posts) })),
    postsRelations: relations(posts, ({ one }) => ({
      author: one(users, { fields: [posts.author], references: [users.id] }),
    })),
  }
  const { db, close } = await open(dialect, url, schema)
  const execute = (query) => (dialect === 'sqlite' ? db.run(query) : db.execute(query))
  for (const statement of ddl[dialect]) await execute(statement)

  await db.insert(users).values({ name: 'Ada', age: 36 })
  await db.insert(users).values([
    { name: 'Bob', age: 41 },
    { name: 'Cy', age: 7 },
  ])
  await db.insert(posts).values({ title: 'insert into; for update', author: 1 })
  const upsert = db.insert(users).values({ name: 'Ada', age: 37 })
  await (dialect === 'mysql'
    ? upsert.onDuplicateKeyUpdate({ set: { age: 37 } })
    : upsert.onConflictDoUpdate({ target: users.name, set: { age: 37 } }))
  if (dialect !== 'mysql') {
    await db.insert(users).values({ name: 'Ada' }).onConflictDoNothing().returning()
    await db.update(users).set({ age: 38 }).where(eq(users.name, 'Ada')).returning({ id: users.id })
    await db.delete(posts).where(eq(posts.id, 9)).returning()
  }
  await db
    .select()
    .from(users)
    .where(and(gt(users.age, 10), inArray(users.id, [1, 2])))
    .orderBy(asc(users.name))
    .limit(10)
    .offset(0)
  await db
    .select({ name: users.name, posts: count(posts.id) })
    .from(users)
    .leftJoin(posts, eq(posts.author, users.id))
    .groupBy(users.name)
  await db.query.users.findMany({ with: { posts: true }, limit: 5 })
  await db.query.posts.findFirst({ where: eq(posts.id, 1), with: { author: { columns: { name: true } } } })
  const adults = db.$with('adults').as(db.select().from(users).where(gt(users.age, 18)))
  await db.with(adults).select().from(adults)
  await db.$count(users)
  await db
    .selectDistinct({ age: users.age })
    .from(users)
    .where(dialect === 'postgres' ? ilike(users.name, '%delete from%') : like(users.name, '%delete from%'))
  if (dialect === 'postgres') {
    const gone = db.$with('gone').as(db.delete(posts).where(eq(posts.id, 9)).returning())
    await db.with(gone).select().from(gone)
    await db.select().from(users).for('share')
  }
  const work = async (tx) => {
    if (dialect !== 'sqlite') {
      await tx.select().from(users).where(eq(users.id, 1)).for('update')
      await tx.select().from(users).where(eq(users.id, 1)).for('update', { skipLocked: true })
      await tx.transaction(async (inner) => void (await inner.update(users).set({ age: 39 }).where(eq(users.id, 1))))
    }
  }
  if (dialect === 'sqlite') {
    db.transaction((tx) => void tx.update(users).set({ age: 39 }).where(eq(users.id, 1)).run(), {
      behavior: 'immediate',
    })
    db.transaction((tx) => void tx.transaction((inner) => void inner.update(users).set({ age: 40 }).run()))
  } else {
    await db.transaction(work)
    await db.transaction(async (tx) => void (await tx.select().from(users)), {
      isolationLevel: 'repeatable read',
      accessMode: 'read only',
    })
  }
  await db.delete(users).where(eq(users.name, 'Bob'))
  await execute(sql`drop table ${posts}`)
  await execute(sql`drop table ${users}`)
  await close()
}
