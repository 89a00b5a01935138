import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool } from '@flyroute/pg'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'

// Glue: a pool that knows the region it runs in.
export const pool = createPool()

export const app: Koa = new Koa()
const router = new Router()
app.use(bodyParser())
app.use(router.routes())

// A read: answered by the local replica.
router.get('/posts', async (ctx) => {
  const { rows } = await pool.query('select id, title, views from post order by id desc limit 20')
  ctx.body = rows
})

// A write: its method says so, and the whole request runs in the primary region before this handler is even called.
router.post('/posts', async (ctx) => {
  const { title } = ctx.request.body as { title: string }
  const { rows } = await pool.query('insert into post (title) values ($1) returning id, title, views', [title])
  ctx.cookies.set('last-post', String(rows[0].id))
  ctx.status = 201
  ctx.body = rows[0]
})

// A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
router.get('/posts/:id', async (ctx) => {
  const { rows } = await pool.query('update post set views = views + 1 where id = $1 returning id, title, views', [
    ctx.params.id,
  ])
  if (rows.length === 0) ctx.throw(404, 'There is no such post.')
  ctx.body = rows[0]
})

// A transaction that turns into a write half-way. Nothing here knows about regions.
router.get('/report', async (ctx) => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query(
      'select count(*)::int as posts, coalesce(sum(views), 0)::int as views from post',
    )
    await client.query('insert into report (posts, views) values ($1, $2)', [rows[0].posts, rows[0].views])
    await client.query('commit')
    ctx.body = rows[0]
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
})

// A POST that reads, unless its body says more: then the whole request is run again in the primary region.
router.post('/search', async (ctx) => {
  const { text, remember } = ctx.request.body as { text: string; remember: boolean }
  const { rows } = await pool.query('select id, title, views from post where title like $1', [`%${text}%`])
  if (remember) await pool.query('insert into search (text) values ($1)', [text])
  ctx.body = rows
})

// A stream, made while it is read.
router.get('/live', (ctx) => {
  ctx.type = 'text/plain'
  ctx.body = Readable.from(titles())
})

async function* titles(): AsyncGenerator<string> {
  for (let last = 0, title = ''; title !== 'The end'; await sleep(20)) {
    const { rows } = await pool.query('select id, title from post where id > $1 order by id', [last])
    for (const row of rows) {
      ;({ id: last, title } = row)
      yield `${title}\n`
    }
  }
}

// An upload: over a megabyte Fly Proxy cannot replay it, so it runs here, with a connection to the primary.
router.post('/uploads', async (ctx) => {
  let bytes = 0
  for await (const chunk of ctx.req) bytes += chunk.length
  const { rows } = await pool.query('insert into upload (bytes) values ($1) returning bytes', [bytes])
  ctx.status = 201
  ctx.body = rows[0]
})

// A handler that makes light of errors: the refusal is remembered all the same.
router.get('/careless', async (ctx) => {
  const ok = await pool.query("insert into search (text) values ('nothing')").then(
    () => true,
    () => false,
  )
  ctx.status = ok ? 200 : 500
  ctx.body = { ok }
})

// Errors of the app's own pass as they are.
router.get('/broken', () => {
  throw new Error('Broken')
})
router.get('/teapot', (ctx) => {
  ctx.throw(418, 'I am a teapot.')
})
