import { replayable } from '@flyroute/core/fetch'
import { serve } from '@hono/node-server'
import { app, pool } from './app.ts'

// Glue: the handler wrapper around the app. A search is a POST that may stay: its statements decide.
const fetch = replayable(app.fetch, {
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && path !== '/search',
})
serve({ fetch, port: Number(process.env.PORT ?? 3000) })
