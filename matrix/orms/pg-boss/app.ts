// An app with jobs, in every region: a request writes an invoice and queues a job for it; a worker does the job, also where
// only a replica is near.
import { createServer, type RequestListener } from 'node:http'
import { runWithToken } from '@flyroute/core'
import { replayable } from '@flyroute/core/node'
import { createPool } from '@flyroute/pg'
import { PgBoss } from './boss.ts'

interface Invoice {
  id: number
  token: string
}

// A worker takes its jobs from the primary and reads next door; a request is replayed, as ever.
const pool = createPool({ outsideRequest: 'primary' })
const boss = new PgBoss({ db: { executeSql: (text, values) => pool.query(text, values) }, migrate: false })
const region = process.env['FLY_REGION']

boss.on('error', (error) => console.error(error))
await boss.start()
if (region !== process.env['PRIMARY_REGION']) {
  await boss.work<Invoice>('invoice', { pollingIntervalSeconds: 0.5 }, async ([job]) => {
    const { id, token } = job!.data
    const sql = 'select title, pg_is_in_recovery() as replica from post where id = $1'
    const { rows } = await runWithToken(token, () => pool.query(sql, [id]))
    await pool.query('update post set details = $2 where id = $1', [id, JSON.stringify({ ...rows[0], region })])
  })
}

const handler: RequestListener = async (_, response) => {
  try {
    const { rows } = await pool.query<{ id: number }>("insert into post (title) values ('invoice') returning id")
    await boss.send('invoice', { id: rows[0]!.id, token: await pool.replication.currentToken() })
    response.end(String(rows[0]!.id))
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}

createServer(replayable(handler, { databases: [pool] })).listen(Number(process.env['PORT']))
