import { replayMiddleware } from '@flyroute/core/node'
import { pool } from './database.module'

// Glue: a search is a POST that may stay: its statements decide.
export const replays = replayMiddleware({
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && path !== '/search',
})
