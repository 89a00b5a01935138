import { Hono } from 'hono'
import { db } from './database.ts'

export const app: Hono = new Hono()

// A read: answered by the local replica.
app.get('/posts', async (c) => {
  return c.json(await db.selectFrom('post').selectAll().orderBy('id', 'desc').limit(20).execute())
})

// A write: its method says so, and the whole request runs in the primary region.
app.post('/posts', async (c) => {
  const { title } = await c.req.json<{ title: string }>()
  return c.json(await db.insertInto('post').values({ title }).returningAll().executeTakeFirstOrThrow(), 201)
})

// A GET that writes: the statement is not sent to the replica, and the request is run again in the primary region.
app.get('/posts/:id', async (c) => {
  const post = await db
    .updateTable('post')
    .set((eb) => ({ views: eb('views', '+', 1) }))
    .where('id', '=', Number(c.req.param('id')))
    .returningAll()
    .executeTakeFirst()
  return post === undefined ? c.json({ error: 'There is no such post.' }, 404) : c.json(post)
})

// A transaction that turns into a write half-way. Nothing here knows about regions.
app.get('/report', async (c) => {
  const report = await db.transaction().execute(async (trx) => {
    const { posts, views } = await trx
      .selectFrom('post')
      .select(({ fn }) => [fn.countAll().as('posts'), fn.coalesce(fn.sum('views'), fn.countAll()).as('views')])
      .executeTakeFirstOrThrow()
    const values = { posts: Number(posts), views: Number(views) }
    return trx.insertInto('report').values(values).returningAll().executeTakeFirstOrThrow()
  })
  return c.json(report)
})
