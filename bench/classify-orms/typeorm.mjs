import 'reflect-metadata'
import { DataSource, EntitySchema, MoreThan } from 'typeorm'

const User = new EntitySchema({
  name: 'User',
  columns: {
    id: { type: Number, primary: true, generated: true },
    name: { type: String, unique: true },
    age: { type: Number, nullable: true },
    version: { type: Number, version: true },
  },
  relations: { posts: { type: 'one-to-many', target: 'Post', inverseSide: 'author' } },
})
const Post = new EntitySchema({
  name: 'Post',
  columns: {
    id: { type: Number, primary: true, generated: true },
    title: { type: String },
    deletedAt: { type: Date, deleteDate: true, nullable: true },
  },
  relations: { author: { type: 'many-to-one', target: 'User', inverseSide: 'posts', onDelete: 'CASCADE' } },
})

export async function run(dialect, url) {
  const source = new DataSource({
    ...(dialect === 'sqlite' ? { type: 'better-sqlite3', database: url } : { type: dialect, url }),
    entities: [User, Post],
    synchronize: true,
    migrations: [
      class AddEmail1700000000000 {
        name = 'AddEmail1700000000000'
        up = (runner) =>
          runner.query(`alter table ${dialect === 'mysql' ? '`user`' : '"user"'} add column email varchar(99)`)
        down = (runner) => runner.query(`alter table ${dialect === 'mysql' ? '`user`' : '"user"'} drop column email`)
      },
    ],
  })
  await source.initialize()
  await source.runMigrations()
  const users = source.getRepository(User)
  const posts = source.getRepository(Post)
  const ada = await users.save({ name: 'Ada', age: 36 })
  await users.save([
    { name: 'Bob', age: 41 },
    { name: 'Cy', age: 7 },
  ])
  await users.save({ ...ada, age: 37 })
  await users.insert({ name: 'Di' })
  if (dialect !== 'mysql') await users.upsert({ name: 'Ada', age: 38 }, ['name'])
  else await users.createQueryBuilder().insert().values({ name: 'Ada', age: 38 }).orUpdate(['age'], ['name']).execute()
  const post = await posts.save({ title: 'delete from; for update', author: ada })
  await users.update({ name: 'Ada' }, { age: 39 })
  await users.increment({ name: 'Ada' }, 'age', 1)
  await users.find({
    where: { age: MoreThan(10) },
    relations: { posts: true },
    order: { name: 'DESC' },
    take: 10,
    skip: 0,
  })
  await users.findOneBy({ id: 1 })
  await users.findAndCount({ take: 2 })
  await users.exists({ where: { name: 'Ada' } })
  await users.createQueryBuilder('u').leftJoinAndSelect('u.posts', 'p').where('u.age > :age', { age: 1 }).getMany()
  await users.createQueryBuilder('u').select('max(u.age)', 'oldest').groupBy('u.name').getRawMany()
  if (dialect !== 'sqlite') {
    await source.transaction(async (manager) => {
      await manager.findOne(User, { where: { id: 1 }, lock: { mode: 'pessimistic_write' } })
      await manager.findOne(User, { where: { id: 1 }, lock: { mode: 'pessimistic_read' } })
      await manager.findOne(User, { where: { id: 1 }, lock: { mode: 'pessimistic_write', onLocked: 'skip_locked' } })
      await manager.transaction((nested) => nested.find(User))
    })
    await source.transaction('REPEATABLE READ', (manager) => manager.find(User))
  }
  await posts.softRemove(post)
  await posts.restore(post.id)
  await users.delete({ name: 'Bob' })
  await users.createQueryBuilder().delete().where('age < :age', { age: 0 }).execute()
  if (dialect === 'postgres') await users.query('TRUNCATE "post"')
  await source.undoLastMigration()
  await source.dropDatabase()
  await source.destroy()
}
