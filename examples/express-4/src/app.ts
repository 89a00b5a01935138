import { setTimeout as sleep } from 'node:timers/promises'
import { replayMiddleware } from '@flyroute/core/node'
import { createPool } from '@flyroute/pg'
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express'

// Glue: a pool that knows the region it runs in.
const pool = createPool()

export const app: Express = express()
app.disable('x-powered-by')
app.use(express.json())

// Glue: one middleware ahead of all routes, after the parser here, since that is where many apps have room for it.
const replayBeforeHandler = ({ method, path }: { method: string; path: string }) =>
  method === 'POST' && path !== '/search'
app.use(replayMiddleware({ databases: [pool], replayBeforeHandler }))

/** Express 4 does not know of promises: an error is handed on, as ever. */
const route =
  (handle: (request: Request, response: Response) => Promise<unknown>): RequestHandler =>
  (request, response, next) => {
    handle(request, response).catch(next)
  }

// A read: answered by the local replica.
app.get(
  '/posts',
  route(async (_, response) => {
    const { rows } = await pool.query('select id, title, views from post order by id desc limit 20')
    response.json(rows)
  }),
)

// A write: its method says so, and the whole request runs in the primary region before this handler is even called.
app.post(
  '/posts',
  route(async (request, response) => {
    const { rows } = await pool.query('insert into post (title) values ($1) returning id, title, views', [
      request.body.title,
    ])
    response.cookie('last-post', rows[0].id).status(201).json(rows[0])
  }),
)

// A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
app.get(
  '/posts/:id',
  route(async (request, response) => {
    const { rows } = await pool.query('update post set views = views + 1 where id = $1 returning id, title, views', [
      request.params.id,
    ])
    if (rows.length === 0) response.status(404).json({ error: 'There is no such post.' })
    else response.json(rows[0])
  }),
)

// A transaction that turns into a write half-way. Nothing here knows about regions.
app.get(
  '/report',
  route(async (_, response) => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      const { rows } = await client.query(
        'select count(*)::int as posts, coalesce(sum(views), 0)::int as views from post',
      )
      await client.query('insert into report (posts, views) values ($1, $2)', [rows[0].posts, rows[0].views])
      await client.query('commit')
      response.json(rows[0])
    } catch (error) {
      await client.query('rollback')
      throw error
    } finally {
      client.release()
    }
  }),
)

// A POST that reads, unless its body says more: the statement decides.
app.post(
  '/search',
  route(async (request, response) => {
    const { text, remember } = request.body
    const { rows } = await pool.query('select id, title, views from post where title like $1', [`%${text}%`])
    if (remember) await pool.query('insert into search (text) values ($1)', [text])
    response.json(rows)
  }),
)

// A stream, made while it is read.
app.get(
  '/live',
  route(async (_, response) => {
    response.type('text/plain')
    for (let last = 0, title = ''; title !== 'The end' && !response.destroyed; await sleep(20)) {
      const { rows } = await pool.query('select id, title from post where id > $1 order by id', [last])
      for (const row of rows) {
        ;({ id: last, title } = row)
        response.write(`${title}\n`)
      }
    }
    response.end()
  }),
)

// An upload: over a megabyte Fly Proxy cannot replay it, so it runs here, with a connection to the primary.
app.post(
  '/uploads',
  route(async (request, response) => {
    let bytes = 0
    for await (const chunk of request) bytes += chunk.length
    const { rows } = await pool.query('insert into upload (bytes) values ($1) returning bytes', [bytes])
    response.status(201).json(rows[0])
  }),
)

// A handler that makes light of errors: the refusal is remembered all the same.
app.get(
  '/careless',
  route(async (_, response) => {
    const ok = await pool.query("insert into search (text) values ('nothing')").then(
      () => true,
      () => false,
    )
    response.status(ok ? 200 : 500).json({ ok })
  }),
)

app.get('/broken', () => {
  throw new Error('Broken')
})
app.get('/teapot', (_, response) => {
  response.status(418).json({ error: 'I am a teapot.' })
})

const answerErrors: ErrorRequestHandler = (error, _request, response, _next) => {
  response.status(500).json({ error: error.message })
}
app.use(answerErrors)
