import { replayable } from '@flyroute/core/fetch'
import { app, pool } from './generated/hono/app.ts'

const handler = replayable(app.fetch, {
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && path !== '/search',
})
Deno.serve({ port: Number(process.env.PORT) }, (request) => handler(request))
