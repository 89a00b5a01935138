import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool } from '@flyroute/pg'
import { initTRPC, TRPCError } from '@trpc/server'
import { z } from 'zod'

// Glue: a pool that knows the region it runs in.
export const pool = createPool()

const t = initTRPC.context<{ req: IncomingMessage; res: ServerResponse }>().create()

export const router = t.router({
  // A read: answered by the local replica.
  list: t.procedure.query(async () => {
    const { rows } = await pool.query('select id, title, views from post order by id desc limit 20')
    return rows
  }),

  // A mutation: the whole request runs in the primary region before this is even called.
  add: t.procedure.input(z.object({ title: z.string() })).mutation(async ({ input, ctx }) => {
    const { rows } = await pool.query('insert into post (title) values ($1) returning id, title, views', [input.title])
    ctx.res.appendHeader('set-cookie', `last-post=${rows[0].id}`)
    return rows[0]
  }),

  // A query that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
  view: t.procedure.input(z.number()).query(async ({ input: id }) => {
    const { rows } = await pool.query('update post set views = views + 1 where id = $1 returning id, title, views', [
      id,
    ])
    if (rows.length === 0) throw new TRPCError({ code: 'NOT_FOUND', message: 'There is no such post.' })
    return rows[0]
  }),

  // A transaction that turns into a write half-way. Nothing here knows about regions.
  report: t.procedure.query(async () => {
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
  }),

  // A query that only reads, unless its input says more.
  search: t.procedure
    .input(z.object({ text: z.string(), remember: z.boolean() }))
    .query(async ({ input: { text, remember } }) => {
      const { rows } = await pool.query('select id, title, views from post where title like $1', [`%${text}%`])
      if (remember) await pool.query('insert into search (text) values ($1)', [text])
      return rows
    }),

  // A subscription, over server-sent events.
  live: t.procedure.subscription(async function* ({ signal }) {
    for (let last = 0, title = ''; title !== 'The end' && !signal?.aborted; await sleep(20)) {
      const { rows } = await pool.query('select id, title from post where id > $1 order by id', [last])
      for (const row of rows) {
        ;({ id: last, title } = row)
        yield title
      }
    }
  }),

  // An upload: over a megabyte Fly Proxy cannot replay it, so it runs here, with a connection to the primary.
  upload: t.procedure.input(z.string()).mutation(async ({ input }) => {
    const { rows } = await pool.query('insert into upload (bytes) values ($1) returning bytes', [input.length])
    return rows[0]
  }),

  // A procedure that makes light of errors: the refusal is remembered all the same.
  careless: t.procedure.query(async () => {
    const ok = await pool.query("insert into search (text) values ('nothing')").then(
      () => true,
      () => false,
    )
    return { ok }
  }),

  // Errors of the app's own pass as they are.
  broken: t.procedure.query(() => {
    throw new Error('Broken')
  }),
  teapot: t.procedure.query(() => {
    throw new TRPCError({ code: 'FORBIDDEN', message: 'I am a teapot.' })
  }),
})
