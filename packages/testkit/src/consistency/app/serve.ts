import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Consistency, Replication } from '@flyroute/core'
import { replayable } from '@flyroute/core/node'
import type { RequestName, Step } from '../../checker/index.ts'

/** What the workload asks of the app. */
export interface AppRequest<Pool> {
  readonly pool: Pool
  /** Of a second database, by its name, with rows of its own. */
  readonly other: Pool
  readonly key: string
  /** Of the rows that it writes, where there are several: one for each id. */
  readonly keys: readonly string[]
  /** One for each write that was asked for. */
  readonly ids: readonly string[]
  readonly response: ServerResponse
}

/** How an app does what the workload asks for; returns what it has done, in its order. */
export type AppRequests<Pool> = Readonly<Record<RequestName, (request: AppRequest<Pool>) => Promise<Step[]>>>

interface App<Pool> {
  /** @param name of the database */
  open(name: string): Pool
  readonly requests: AppRequests<Pool>
  /** By name, what puts each bug into a pool. */
  readonly mutations: Readonly<Record<string, (pool: Pool) => void>>
}

/**
 * The app that the workload is run against, as it runs on each machine: listens on `PORT`, and promises what the variable
 * CONSISTENCY says. `/plant?mutation=…` opens it anew, with a bug in it.
 */
export function serveApp<Pool extends { readonly replication: Replication; end(): Promise<unknown> }>({
  open,
  requests,
  mutations,
}: App<Pool>): void {
  const { env } = process

  /** The app, with its own pool, which `mutate` may put a bug into. */
  function start(mutate?: (pool: Pool) => void): { handle: RequestListener; close: () => Promise<unknown> } {
    const [pool, other] = [open('app'), open('other')]
    mutate?.(pool)
    const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app')
      const [keys, ids] = [searchParams.getAll('key'), searchParams.getAll('id')]
      const key = keys[0] ?? ''
      try {
        const steps = await requests[pathname.slice(1) as RequestName]({ pool, other, key, keys, ids, response })
        response.end(JSON.stringify({ steps }))
      } catch (error) {
        const { code, message } = error as { code?: string; message?: string }
        const why = JSON.stringify({ code, message })
        // An answer that has begun is cut short; why, its client can read all the same.
        if (response.headersSent) response.write(why, () => response.destroy())
        else response.writeHead(500, { 'content-type': 'application/json' }).end(why)
      }
    }
    const consistency = (env['CONSISTENCY'] ?? 'read-your-writes') as Consistency
    return {
      handle: replayable(handle, { databases: [pool, other], consistency, debugHeader: true }) as RequestListener,
      close: () => Promise.all([pool.end(), other.end()]),
    }
  }

  let app = start()

  async function plant(mutation: string, response: ServerResponse): Promise<void> {
    const mutate = mutations[mutation]
    if (mutate === undefined) return void response.writeHead(404).end()
    const { close } = app
    app = start(mutate)
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
  server.listen(Number(env['PORT']), '127.0.0.1')
}
