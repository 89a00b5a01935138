// Glue: loaded by `node --import`, ahead of Next, so that the middleware is there before its server listens.
import { replayServers } from '@flyroute/core/node'
import { pool } from './lib/pool.ts'

// Glue: a search is a POST that may stay, and so is what a form of /actions does: their statements decide.
replayServers({
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && !['/search', '/actions?later'].includes(path),
})
