import { createPool } from '@flyroute/pg'
import { Hono } from 'hono'
import { setCookie } from 'hono/cookie'
import { HTTPException } from 'hono/http-exception'
import { stream, streamText } from 'hono/streaming'

// Glue: a pool that knows the region it runs in.
export const pool = createPool()

export const app: Hono = new Hono()

// A read: answered by the local replica.
app.get('/posts', async (c) => {
  const { rows } = await pool.query('select id, title, views from post order by id desc limit 20')
  return c.json(rows)
})

// A write: its method says so, and the whole request runs in the primary region.
app.post('/posts', async (c) => {
  const { title } = await c.req.json<{ title: string }>()
  const { rows } = await pool.query('insert into post (title) values ($1) returning id, title, views', [title])
  setCookie(c, 'last-post', String(rows[0].id))
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

// A transaction that turns into a write half-way. Nothing here knows about regions.
app.get('/report', async (c) => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query(
      'select count(*)::int as posts, coalesce(sum(views), 0)::int as views from post',
    )
    await client.query('insert into report (posts, views) values ($1, $2)', [rows[0].posts, rows[0].views])
    await client.query('commit')
    return c.json(rows[0])
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
})

// A POST that reads, unless its body says more: then the whole request is run again in the primary region.
app.post('/search', async (c) => {
  const { text, remember } = await c.req.json<{ text: string; remember: boolean }>()
  const { rows } = await pool.query('select id, title, views from post where title like $1', [`%${text}%`])
  if (remember) await pool.query('insert into search (text) values ($1)', [text])
  return c.json(rows)
})

// A stream, made while it is read.
app.get('/live', (c) =>
  streamText(c, async (out) => {
    for (let last = 0, title = ''; title !== 'The end' && !out.aborted; await out.sleep(20)) {
      const { rows } = await pool.query('select id, title from post where id > $1 order by id', [last])
      for (const row of rows) {
        ;({ id: last, title } = row)
        await out.writeln(title)
      }
    }
  }),
)

// An upload: over a megabyte Fly Proxy cannot replay it, so it runs here, with a connection to the primary.
app.post('/uploads', async (c) => {
  let bytes = 0
  for await (const chunk of c.req.raw.body ?? []) bytes += chunk.length
  const { rows } = await pool.query('insert into upload (bytes) values ($1) returning bytes', [bytes])
  return c.json(rows[0], 201)
})

// A handler that makes light of errors: the refusal is remembered all the same.
app.get('/careless', async (c) => {
  const ok = await pool.query("insert into search (text) values ('nothing')").then(
    () => true,
    () => false,
  )
  return c.json({ ok }, ok ? 200 : 500)
})

// Errors of the app's own pass as they are.
app.get('/broken', () => {
  throw new Error('Broken')
})
app.get('/teapot', () => {
  throw new HTTPException(418, { message: 'I am a teapot.' })
})
