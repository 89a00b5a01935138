import { createServer } from 'node:http'
import { replayable } from '@flyroute/core/node'
import { db, handle } from './app.ts'

createServer(replayable(handle, { databases: [db], debugHeader: true })).listen(Number(process.env.PORT ?? 3000))
