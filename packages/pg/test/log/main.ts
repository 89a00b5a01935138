// The process of `log.test.ts`: an app on `node:http` with routes behind the middleware, and one ahead of it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { findPrimaryRequired, type Log, type LogLine } from '@flyroute/core'
import { replayMiddleware } from '@flyroute/core/node'
import { createPool } from '@flyroute/pg'

const pool = createPool({ max: 1 })
const insert = "insert into note values ('hunter2')"

const routes: Readonly<Record<string, () => Promise<unknown>>> = {
  '/read': () => pool.query('select 1'),
  '/write': () => pool.query(insert),
  '/job': () => new Promise((resolve, reject) => setTimeout(() => pool.query(insert).then(resolve, reject), 100)),
  '/kept': async () => {
    const client = await pool.connect()
    await client.query('begin')
    await client.query(insert)
  },
  '/open': async () => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      await client.query(insert)
    } finally {
      client.release()
    }
  },
}

/** Where lines go, by the test's wish. */
const logs: Readonly<Record<string, Log>> = {
  function: (line: LogLine) => console.log(JSON.stringify(line)),
  console,
  failing: () => {
    throw new Error('the log is full')
  },
}
const log = logs[process.env['LOG'] ?? '']
const replays = replayMiddleware({ databases: [pool], ...(log && { log }) })

async function serve({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = url.replace('/forgotten', '')
  // What goes on after its answer belongs to no request any more.
  if (path === '/job') response.end('{}')
  const error = await routes[path]?.().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const { message, willBeReplayed } = findPrimaryRequired(error) ?? {}
  if (path === '/job') console.log(message)
  else response.writeHead(message ? 500 : 200).end(JSON.stringify({ message, willBeReplayed }))
  if (willBeReplayed !== undefined && !url.startsWith('/forgotten')) console.log(`seen: ${willBeReplayed} ${message}`)
}

const server = createServer((request, response) =>
  request.url?.startsWith('/forgotten')
    ? void serve(request, response)
    : replays(request, response, () => void serve(request, response)),
)
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`))
