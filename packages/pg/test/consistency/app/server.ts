// The app that the workload is run against, as it runs on each machine. CONSISTENCY chooses the level.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Consistency } from '@flyroute/core'
import { replayable } from '@flyroute/core/node'
import { createPool, type FlyroutePool } from '@flyroute/pg'
import type { RequestName } from '@flyroute/testkit/checker'
import { mutations } from './mutations.ts'
import { requests } from './requests.ts'

const { env } = process

/** The app, with its own pool, which `mutate` may put a bug into. */
function open(mutate?: (pool: FlyroutePool) => void): { handle: RequestListener; close: () => Promise<void> } {
  const pool = createPool({ max: 20 })
  mutate?.(pool)
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app')
    const [key, ids] = [searchParams.get('key') ?? '', searchParams.getAll('id')]
    try {
      const steps = await requests[pathname.slice(1) as RequestName]({ pool, key, ids, response })
      response.end(JSON.stringify({ steps }))
    } catch (error) {
      const { code, message } = error as { code?: string; message?: string }
      if (response.headersSent) response.destroy()
      else response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ code, message }))
    }
  }
  const consistency = (env.CONSISTENCY ?? 'read-your-writes') as Consistency
  return {
    handle: replayable(handle, { databases: [pool], consistency, debugHeader: true }) as RequestListener,
    close: () => pool.end(),
  }
}

let app = open()

/** `/plant?mutation=…` opens the app anew, with this bug in it. */
async function plant(mutation: string, response: ServerResponse): Promise<void> {
  const mutate = mutations[mutation]
  if (mutate === undefined) return void response.writeHead(404).end()
  const { close } = app
  app = open(mutate)
  await close()
  response.end()
}

const server = createServer((request, response) => {
  const [, mutation] = /^\/plant\?mutation=(.*)/.exec(request.url ?? '') ?? []
  if (mutation === undefined) app.handle(request, response)
  else void plant(mutation, response)
})
// Longer than the proxy keeps idle connections, as Fly's documentation advises.
server.keepAliveTimeout = 60_000
server.listen(Number(env.PORT), '127.0.0.1')
