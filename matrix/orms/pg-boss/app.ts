// An app with jobs, in every region: a request writes an invoice and queues a job for it; a worker does the job, also where
// only a replica is near.
import { createServer, type RequestListener } from 'node:http'
import { replayable } from '@flyroute/core/node'
import { boss, pool, queue, work } from './jobs.ts'

const region = process.env['FLY_REGION']

await boss.start()
if (region !== process.env['PRIMARY_REGION']) {
  await work(async (id) => {
    const sql = 'select title, pg_is_in_recovery() as replica from post where id = $1'
    const { rows } = await pool.query(sql, [id])
    await pool.query('update post set details = $2 where id = $1', [id, JSON.stringify({ ...rows[0], region })])
  })
}

const handler: RequestListener = async (_, response) => {
  try {
    const { rows } = await pool.query<{ id: number }>("insert into post (title) values ('invoice') returning id")
    await queue(rows[0]!.id)
    response.end(String(rows[0]!.id))
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}

createServer(replayable(handler, { databases: [pool] })).listen(Number(process.env['PORT']))
