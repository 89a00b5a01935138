import { join } from 'node:path'
import { describeRuntime } from '../../lib/runtimes.ts'

const folder = import.meta.dirname

describeRuntime(
  folder,
  [join(folder, 'node_modules/deno/deno'), 'run', '--allow-all', '--no-check'],
  [
    { title: 'pg behind the fetch door (Hono, Deno.serve)', example: 'hono', command: ['../../serve.ts'] },
    { title: 'pg behind the fetch door (Hono, @hono/node-server)', example: 'hono', command: ['server.ts'] },
    { title: 'pg behind the node door (Express)', example: 'express', command: ['server.ts'] },
    {
      title: 'a door ahead of a server that somebody else makes',
      example: 'hono',
      command: ['--preload', '../../door.ts', '../../bare.ts'],
    },
  ],
)
