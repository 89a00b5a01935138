import { replayable } from '@flyroute/core/fetch'
import { serve } from '@hono/node-server'
import { app, pool } from './app.ts'

serve({ fetch: replayable(app.fetch, { databases: [pool] }), port: Number(process.env.PORT ?? 3000) })
