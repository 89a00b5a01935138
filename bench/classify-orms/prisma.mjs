import { PrismaPg } from '@prisma/adapter-pg'

export const dialects = ['postgres']

/** Prisma's own migrations need an engine that is no npm package: the tables are made by what `prisma migrate` would write. */
const ddl = [
  'CREATE TABLE "User" ("id" SERIAL NOT NULL, "name" TEXT NOT NULL, "age" INTEGER, CONSTRAINT "User_pkey" PRIMARY KEY ("id"))',
  'CREATE TABLE "Post" ("id" SERIAL NOT NULL, "title" TEXT NOT NULL, "authorId" INTEGER, CONSTRAINT "Post_pkey" PRIMARY KEY ("id"))',
  'CREATE UNIQUE INDEX "User_name_key" ON "User"("name")',
  'ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE',
]

export async function run(_, url) {
  const { PrismaClient } = await import('./dist/client.ts')
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
  for (const sql of ddl) await prisma.$executeRawUnsafe(sql)
  await prisma.user.create({
    data: { name: 'Ada', age: 36, posts: { create: [{ title: 'delete from; for update' }] } },
  })
  await prisma.user.createMany({
    data: [
      { name: 'Bob', age: 41 },
      { name: 'Cy', age: 7 },
    ],
    skipDuplicates: true,
  })
  await prisma.user.createManyAndReturn({ data: [{ name: 'Di' }] })
  await prisma.user.upsert({ where: { name: 'Ada' }, create: { name: 'Ada' }, update: { age: 37 } })
  await prisma.user.upsert({
    where: { name: 'Ed' },
    create: { name: 'Ed', posts: { create: { title: 'x' } } },
    update: {},
  })
  await prisma.user.update({ where: { id: 1 }, data: { age: { increment: 1 } }, include: { posts: true } })
  await prisma.user.updateMany({ where: { age: { lt: 10 } }, data: { age: 10 } })
  await prisma.user.findMany({
    where: { age: { gt: 10 }, name: { contains: 'insert', mode: 'insensitive' } },
    include: { posts: { take: 2 } },
    orderBy: { name: 'desc' },
    take: 10,
    skip: 0,
  })
  await prisma.user.findUnique({ where: { name: 'Ada' }, select: { name: true, _count: { select: { posts: true } } } })
  await prisma.user.findFirst({ where: { posts: { some: { title: { startsWith: 'x' } } } } })
  await prisma.user.aggregate({ _avg: { age: true }, _count: true })
  await prisma.user.groupBy({ by: ['age'], _count: true, having: { age: { gt: 1 } } })
  await prisma.$queryRaw`select ${1}::int as a`
  await prisma.$transaction([prisma.user.count(), prisma.post.deleteMany({ where: { id: 99 } })])
  await prisma.$transaction(async (tx) => {
    await tx.$queryRaw`select * from "User" where id = ${1} for update`
    await tx.user.update({ where: { id: 1 }, data: { age: 39 } })
  })
  await prisma.$transaction((tx) => tx.user.findMany(), { isolationLevel: 'RepeatableRead' })
  await prisma.$transaction((tx) => tx.user.findMany(), { isolationLevel: 'Serializable' })
  await prisma.user.delete({ where: { name: 'Ed' } })
  await prisma.user.deleteMany({ where: { name: 'Bob' } })
  await prisma.$executeRawUnsafe('DROP TABLE "Post"')
  await prisma.$executeRawUnsafe('DROP TABLE "User"')
  await prisma.$disconnect()
}
