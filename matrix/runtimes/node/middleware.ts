import { replayServers } from '@flyroute/core/node'

const { pool } = await import('./generated/hono/app.ts')
replayServers({
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && path !== '/search',
})
