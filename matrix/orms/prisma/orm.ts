import { readFile } from 'node:fs/promises'
import { defineOrm, GivenUp, onlyGivenUp } from '@flyroute/matrix'
import { PrismaPg } from '@prisma/adapter-pg'
import { Prisma, PrismaClient } from './generated/client.ts'

export const suite = defineOrm({
  open({ pool }) {
    const db = new PrismaClient({ adapter: new PrismaPg(pool) })
    return { db, inUse: () => pool.totalCount - pool.idleCount, close: () => db.$disconnect() }
  },
  migratesBySelf: true,
  lacks: {
    stream: 'Prisma has no streams',
    introspection: 'done by `prisma db pull`, with an engine that is no npm package',
    'read-only transaction': 'Prisma’s transactions have isolation levels, and no access mode',
    'nested read transaction': 'Prisma’s interactive transactions do not nest',
    'nested transaction': 'Prisma’s interactive transactions do not nest',
    'nested rollback': 'Prisma’s interactive transactions do not nest',
  },
  operations: (db: PrismaClient) => ({
    find: () => db.author.findMany({ where: { age: { gt: 10 } }, orderBy: { name: 'desc' }, take: 2, skip: 0 }),
    'find one': () => db.author.findUniqueOrThrow({ where: { name: 'Ada' } }),
    'find none': () => db.author.findFirst({ where: { name: 'Zoe' } }),
    relations: () =>
      db.author.findMany({
        orderBy: { id: 'asc' },
        include: {
          _count: true,
          posts: { select: { title: true, author: { select: { name: true } } }, orderBy: { id: 'asc' } },
        },
      }),
    count: () => db.author.count(),
    aggregate: async () => [
      await db.post.aggregate({ _avg: { price: true }, _count: true }),
      await db.post.groupBy({
        by: ['authorId'],
        _count: true,
        having: { authorId: { gt: 0 } },
        orderBy: { authorId: 'asc' },
      }),
    ],
    'column types': () => db.post.findMany({ orderBy: { id: 'asc' } }),
    'raw read': () => db.$queryRaw`select ${'for update'}::text as text, now() > '2020-01-01' as late`,
    'reads at once': () =>
      Promise.all(Array.from({ length: 20 }, (_, age) => db.author.findMany({ where: { age: { gt: age * 2 } } }))),

    insert: () => db.author.create({ data: { name: 'Dan', age: 20 } }),
    'insert many': () =>
      db.author.createManyAndReturn({
        data: [
          { name: 'Dan', age: 20 },
          { name: 'Eve', age: 30 },
        ],
      }),
    upsert: () => db.author.upsert({ where: { name: 'Ada' }, create: { name: 'Ada' }, update: { age: 37 } }),
    'insert or ignore': () => db.author.createMany({ data: [{ name: 'Ada' }, { name: 'Dan' }], skipDuplicates: true }),
    update: () => db.author.update({ where: { name: 'Ada' }, data: { age: 38 } }),
    increment: () => db.author.updateMany({ where: { age: { gt: 0 } }, data: { age: { increment: 1 } } }),
    delete: () => db.author.delete({ where: { name: 'Bob' } }),
    'nested write': () =>
      db.author.create({
        data: { name: 'Dan', posts: { create: [{ title: 'one' }, { title: 'two' }] } },
        include: { posts: true },
      }),
    'raw write': () => db.$queryRaw`update author set age = 1 where name = ${'Ada'} returning id, age`,
    'writing CTE': () => db.$queryRaw`with gone as (delete from post where id = 3 returning *) select title from gone`,
    'writing function': () => db.$queryRaw`select touch(${1}::int)`,
    sequence: () => db.$queryRaw`select nextval('author_id_seq')`,
    'writes at once': () =>
      Promise.all([1, 2, 3, 4, 5, 6].map((n) => db.author.create({ data: { id: 100 + n, name: `n${n}` } }))),

    'read transaction': () =>
      db.$transaction([db.author.count(), db.post.findMany({ select: { title: true }, orderBy: { id: 'asc' } })]),
    'abandoned read transaction': () =>
      db
        .$transaction(
          async (tx) => {
            await tx.author.findMany()
            throw new GivenUp()
          },
          { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead },
        )
        .catch(onlyGivenUp),
    'write transaction': () =>
      db.$transaction([
        db.author.create({ data: { name: 'Dan' } }),
        db.author.updateMany({ where: { name: 'Dan' }, data: { age: 5 } }),
        db.author.count(),
      ]),
    'read, then write': () =>
      db.$transaction(async (tx) => {
        const ada = await tx.author.findUniqueOrThrow({ where: { name: 'Ada' } })
        return tx.author.update({ where: { id: ada.id }, data: { age: ada.age! + 1 } })
      }),
    rollback: () =>
      db
        .$transaction(async (tx) => {
          await tx.author.create({ data: { name: 'Dan' } })
          throw new GivenUp()
        })
        .catch(onlyGivenUp),

    'for update': () => db.$transaction((tx) => tx.$queryRaw`select * from author where id = ${1} for update`),
    'for share': () => db.$transaction((tx) => tx.$queryRaw`select * from author where id = ${1} for share`),
    'skip locked': () =>
      db.$transaction((tx) => tx.$queryRaw`select * from author order by id limit 1 for update skip locked`),
    'advisory lock': () => db.$transaction((tx) => tx.$executeRaw`select pg_advisory_xact_lock(1)`),

    // `prisma migrate deploy` runs these files, in an engine that is no npm package and on a connection of its own.
    'migrate up and down': async () => {
      const file = new URL('migrations/20260101000000_shelf/migration.sql', import.meta.url)
      const statements = (await readFile(file, 'utf8')).split(/;\s*$/m).filter((text) => text.trim() !== '')
      return db.$transaction(statements.map((text) => db.$executeRawUnsafe(text)))
    },
    'change a table': () => db.$executeRaw`alter table author add column email text`,

    'unknown column': () => db.$queryRaw`select nothing from author`,
    'unique violation': () => db.author.create({ data: { name: 'Ada' } }),
    'unique violation in a transaction': () =>
      db.$transaction(async (tx) => {
        await tx.author.findMany()
        await tx.author.create({ data: { name: 'Ada' } })
      }),
  }),
})
