// The app of bench/distance.ts: the same routes with the bare driver, below /bare, and with flyroute, below /flyroute.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { replayable } from '@flyroute/core/node'
import { createPool } from '@flyroute/pg'
import pg from 'pg'

const read = 'select id, title from item where id = $1'
const write = 'insert into item (title) values ($1) returning id'
const pools: Record<string, pg.Pool> = {
  bare: new pg.Pool({ connectionString: process.env['DATABASE_URL'], idleTimeoutMillis: 0 }),
  flyroute: createPool({ idleTimeoutMillis: 0 }),
}

const routes: Record<string, (pool: pg.Pool, url: URL) => Promise<unknown>> = {
  one: (pool) => pool.query(read, [1]),
  page: (pool) => several(pool, 5),
  changing: (pool, url) => several(pool, Number(url.searchParams.get('n'))),
  together: (pool) => Promise.all([1, 2, 3, 4].map((id) => pool.query(read, [id]))),
  write: (pool) => pool.query(write, ['new']),
  async transaction(pool) {
    const client = await pool.connect()
    try {
      await client.query('begin')
      for (let id = 1; id <= 4; id++) await client.query(read, [id])
      await client.query(write, ['new'])
      await client.query('commit')
    } catch (error) {
      await client.query('rollback').catch(() => undefined)
      throw error
    } finally {
      client.release()
    }
  },
}

async function several(pool: pg.Pool, count: number): Promise<void> {
  for (let id = 1; id <= count; id++) await pool.query(read, [id])
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://app')
  const [, driver = '', route = ''] = url.pathname.split('/')
  const pool = pools[driver]
  const work = routes[route]
  if (pool === undefined || work === undefined) return void response.writeHead(404).end()
  try {
    await work(pool, url)
    response.end('{}')
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}

const withFlyroute = replayable(handle, { databases: [pools['flyroute'] as ReturnType<typeof createPool>] })
createServer((request, response) => {
  void (request.url?.startsWith('/flyroute/') ? withFlyroute : handle)(request, response)
}).listen(Number(process.env['PORT']))
