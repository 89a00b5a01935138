import { join } from 'node:path'
import { describeRuntime } from '../../lib/runtimes.ts'

const folder = import.meta.dirname

describeRuntime(
  folder,
  [join(folder, 'node_modules/node/bin/node')],
  [
    { title: 'pg behind the middleware of node:http (Express)', example: 'express', command: ['server.ts'] },
    { title: 'pg behind the handler wrapper of fetch (Hono)', example: 'hono', command: ['server.ts'] },
    {
      title: 'a middleware ahead of a server that other code makes',
      example: 'hono',
      command: ['--import', '../../middleware.ts', '../../bare.ts'],
    },
  ],
)
