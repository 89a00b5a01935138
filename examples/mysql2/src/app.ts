import { healthResponse } from '@flyroute/core'
import { replayMiddleware, sendReplay } from '@flyroute/core/node'
import { createPool } from '@flyroute/mysql2/promise'
import express, { type Express } from 'express'
import type { ResultSetHeader, RowDataPacket } from 'mysql2'

// The glue: a pool that knows the region it runs in, and one middleware ahead of all routes.
export const pool = createPool()

export const app: Express = express()
app.use(replayMiddleware({ databases: [pool], debugHeader: true }))
app.use(express.json())

// For Fly's health check.
app.get('/healthz', async (_request, response) => {
  sendReplay(response, await healthResponse({ databases: [pool] }))
})

// A read: answered by the local replica.
app.get('/posts', async (_request, response) => {
  const [posts] = await pool.query('select id, title, views from post order by id desc limit 20')
  response.json(posts)
})

// A write: its method says so, and the whole request runs in the primary region before this handler is even called.
app.post('/posts', async (request, response) => {
  const { title } = request.body
  const [{ insertId }] = await pool.execute<ResultSetHeader>('insert into post (title) values (?)', [title])
  response.status(201).json({ id: insertId, title, views: 0 })
})

// A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
app.get('/posts/:id', async (request, response) => {
  await pool.execute('update post set views = views + 1 where id = ?', [request.params.id])
  const [[post]] = await pool.execute<RowDataPacket[]>('select id, title, views from post where id = ?', [
    request.params.id,
  ])
  if (post === undefined) response.status(404).json({ error: 'There is no such post.' })
  else response.json(post)
})

// A transaction that turns into a write half-way. Nothing here knows about regions.
app.get('/report', async (_request, response) => {
  const connection = await pool.getConnection()
  try {
    await connection.beginTransaction()
    const [[sums]] = await connection.query<RowDataPacket[]>(
      'select count(*) as posts, cast(coalesce(sum(views), 0) as signed) as views from post',
    )
    await connection.query('insert into report set ?', [sums])
    await connection.commit()
    response.json(sums)
  } catch (error) {
    await connection.rollback()
    throw error
  } finally {
    connection.release()
  }
})
