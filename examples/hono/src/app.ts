import { createPool } from '@flyroute/pg'
import { Hono } from 'hono'
import { stream } from 'hono/streaming'

export const pool = createPool()
export const app: Hono = new Hono()

// A read: answered by the replica next door.
app.get('/posts', async (c) => {
  const { rows } = await pool.query('select id, title, views from post order by id desc limit 20')
  return c.json(rows)
})

// A write: its method says so, and the whole request runs in the primary region.
app.post('/posts', async (c) => {
  const { title } = await c.req.json<{ title: string }>()
  const { rows } = await pool.query('insert into post (title) values ($1) returning id, title, views', [title])
  return c.json(rows[0], 201)
})

// A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
app.get('/posts/:id', async (c) => {
  const { rows } = await pool.query('update post set views = views + 1 where id = $1 returning id, title, views', [
    c.req.param('id'),
  ])
  return rows.length === 0 ? c.json({ error: 'There is no such post.' }, 404) : c.json(rows[0])
})

// An answer that has begun cannot be replayed any more: what it writes at its end goes to the primary from here.
app.get('/export', (c) =>
  stream(c, async (out) => {
    const { rows } = await pool.query('select title from post order by id')
    for (const { title } of rows) await out.write(`${title}\n`)
    await pool.query('insert into export (posts) values ($1)', [rows.length])
  }),
)
