import { replayMiddleware } from '@flyroute/core/fetch'
import type { Handle } from '@sveltejs/kit/hooks'
import { pool } from './lib/pool.ts'

// Glue: the middleware around everything. A search is a POST that may stay: its statements decide.
const replays = replayMiddleware({
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && path !== '/search',
})
export const handle: Handle = ({ event, resolve }) => replays(event.request, () => resolve(event))
