import { replayable } from '@flyroute/core/fetch'
import { app, pool } from './generated/hono/app.ts'

Bun.serve({
  port: Number(process.env.PORT),
  fetch: replayable(app.fetch, {
    databases: [pool],
    replayBeforeHandler: ({ method, path }) => method === 'POST' && path !== '/search',
  }),
})
