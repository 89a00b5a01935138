import { join } from 'node:path'
import { describeRuntime } from '../../lib/runtimes.ts'

const folder = import.meta.dirname

describeRuntime(
  folder,
  [join(folder, 'node_modules/node/bin/node')],
  [
    { title: 'pg behind the node door (Express)', example: 'express', command: ['server.ts'] },
    { title: 'pg behind the fetch door (Hono)', example: 'hono', command: ['server.ts'] },
    {
      title: 'a door ahead of a server that somebody else makes',
      example: 'hono',
      command: ['--import', '../../door.ts', '../../bare.ts'],
    },
  ],
)
