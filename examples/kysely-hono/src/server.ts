import { replayable } from '@flyroute/core/fetch'
import { serve } from '@hono/node-server'
import { app } from './app.ts'
import { dialect } from './database.ts'

// The glue: the dialect in database.ts, and this line.
const fetch = replayable(app.fetch, { databases: [dialect], debugHeader: true })
serve({ fetch, port: Number(process.env.PORT ?? 3000) })
