import { createServer } from 'node:http'
import { replayable } from '@flyroute/core/node'
import { app, pool } from './app.ts'

// Glue: the handler wrapper around the app, which `app.listen` would hand to `createServer` as well. A search is a POST that may stay.
const handler = replayable(app.callback(), {
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && path !== '/search',
})
createServer(handler).listen(Number(process.env.PORT ?? 3000))
