import { defineEntity, LockMode, p } from '@mikro-orm/core'

const Author = defineEntity({
  name: 'Author',
  properties: {
    id: p.integer().primary(),
    name: p.string().unique(),
    age: p.integer().nullable(),
    version: p.integer().version(),
  },
})
const Book = defineEntity({
  name: 'Book',
  properties: { id: p.integer().primary(), title: p.string(), author: () => p.manyToOne(Author).nullable() },
})

const packages = { postgres: '@mikro-orm/postgresql', mysql: '@mikro-orm/mysql', sqlite: '@mikro-orm/sqlite' }

export async function run(dialect, url) {
  const { MikroORM } = await import(packages[dialect])
  const connection = dialect === 'sqlite' ? { dbName: url } : { clientUrl: url, dbName: new URL(url).pathname.slice(1) }
  const orm = await MikroORM.init({ ...connection, entities: [Author, Book], debug: false, ensureDatabase: false })
  await orm.schema.create()
  await orm.schema.update()
  const em = orm.em.fork()
  const ada = em.create(Author, { name: 'Ada', age: 36 })
  em.create(Book, { title: 'delete from; for update', author: ada })
  await em.flush()
  em.create(Author, { name: 'Bob', age: 41 })
  em.create(Author, { name: 'Cy', age: 7 })
  await em.flush()
  ada.age = 37
  await em.flush()
  await em.upsert(Author, { name: 'Ada', age: 38 })
  await em.insertMany(Author, [
    { name: 'Di', age: 1, version: 1 },
    { name: 'Ed', age: 2, version: 1 },
  ])
  await em.nativeUpdate(Author, { name: 'Di' }, { age: 3 })
  await em.fork().find(Author, { age: { $gt: 10 } }, { orderBy: { name: 'desc' }, limit: 10, offset: 1 })
  await em.fork().find(Book, {}, { populate: ['author'] })
  await em.fork().findAndCount(Author, { name: { $like: '%insert%' } })
  await em.fork().count(Author)
  await em.getConnection().execute('select 1 as one')
  await em.fork().transactional(async (fork) => {
    if (dialect !== 'sqlite') {
      await fork.findOne(Author, { name: 'Ada' }, { lockMode: LockMode.PESSIMISTIC_WRITE })
      await fork.findOne(Author, { name: 'Ada' }, { lockMode: LockMode.PESSIMISTIC_PARTIAL_WRITE })
      await fork.findOne(Author, { name: 'Ada' }, { lockMode: LockMode.PESSIMISTIC_READ })
    }
    await fork.transactional((nested) => nested.nativeUpdate(Author, { name: 'Ed' }, { age: 4 }))
  })
  if (dialect !== 'sqlite')
    await em
      .fork()
      .transactional((fork) => fork.find(Author, {}), { isolationLevel: 'repeatable read', readOnly: true })
  await em.nativeDelete(Author, { name: 'Bob' })
  await em.fork().removeAndFlush?.(ada)
  await orm.schema.drop()
  await orm.close()
}
