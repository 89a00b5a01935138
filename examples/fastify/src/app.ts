import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import cookie from '@fastify/cookie'
import { replayMiddleware } from '@flyroute/core/node'
import { createPool } from '@flyroute/pg'
import { type FastifyInstance, fastify } from 'fastify'

// Glue: a pool that knows the region it runs in.
const pool = createPool()

export const app: FastifyInstance = fastify()

// Glue: the middleware as the first hook. A search is a POST that may stay: its statements decide.
const replays = replayMiddleware({
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && path !== '/search',
})
app.addHook('onRequest', (request, reply, done) => replays(request.raw, reply.raw, done))

await app.register(cookie)
app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))

// A read: answered by the local replica.
app.get('/posts', async () => {
  const { rows } = await pool.query('select id, title, views from post order by id desc limit 20')
  return rows
})

// A write: its method says so, and the whole request runs in the primary region before this handler is even called.
app.post<{ Body: { title: string } }>('/posts', async ({ body }, reply) => {
  const { rows } = await pool.query('insert into post (title) values ($1) returning id, title, views', [body.title])
  return reply.setCookie('last-post', String(rows[0].id)).status(201).send(rows[0])
})

// A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
app.get<{ Params: { id: string } }>('/posts/:id', async ({ params }, reply) => {
  const { rows } = await pool.query('update post set views = views + 1 where id = $1 returning id, title, views', [
    params.id,
  ])
  return rows.length === 0 ? reply.status(404).send({ error: 'There is no such post.' }) : rows[0]
})

// A transaction that turns into a write half-way. Nothing here knows about regions.
app.get('/report', async () => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query(
      'select count(*)::int as posts, coalesce(sum(views), 0)::int as views from post',
    )
    await client.query('insert into report (posts, views) values ($1, $2)', [rows[0].posts, rows[0].views])
    await client.query('commit')
    return rows[0]
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
})

// A POST that reads, unless its body says more: then the whole request is run again in the primary region.
app.post<{ Body: { text: string; remember: boolean } }>('/search', async ({ body: { text, remember } }) => {
  const { rows } = await pool.query('select id, title, views from post where title like $1', [`%${text}%`])
  if (remember) await pool.query('insert into search (text) values ($1)', [text])
  return rows
})

// A stream, made while it is read.
app.get('/live', (_request, reply) => reply.type('text/plain').send(Readable.from(titles())))

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
app.post<{ Body: AsyncIterable<Buffer> }>('/uploads', async ({ body }, reply) => {
  let bytes = 0
  for await (const chunk of body) bytes += chunk.length
  const { rows } = await pool.query('insert into upload (bytes) values ($1) returning bytes', [bytes])
  return reply.status(201).send(rows[0])
})

// A handler that makes light of errors: the refusal is remembered all the same.
app.get('/careless', async (_request, reply) => {
  const ok = await pool.query("insert into search (text) values ('nothing')").then(
    () => true,
    () => false,
  )
  return reply.status(ok ? 200 : 500).send({ ok })
})

// Errors of the app's own pass as they are.
app.get('/broken', async () => {
  throw new Error('Broken')
})
app.get('/teapot', async () => {
  throw Object.assign(new Error('I am a teapot.'), { statusCode: 418 })
})
