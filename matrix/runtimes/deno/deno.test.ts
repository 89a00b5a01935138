import { join } from 'node:path'
import { describeRuntime } from '../../lib/runtimes.ts'

const folder = import.meta.dirname

describeRuntime(
  folder,
  [join(folder, 'node_modules/deno/deno'), 'run', '--allow-all', '--no-check'],
  [
    {
      title: 'pg behind the handler wrapper of fetch (Hono, Deno.serve)',
      example: 'hono',
      command: ['../../serve.ts'],
    },
    {
      title: 'pg behind the handler wrapper of fetch (Hono, @hono/node-server)',
      example: 'hono',
      command: ['server.ts'],
    },
    { title: 'pg behind the middleware of node:http (Express)', example: 'express', command: ['server.ts'] },
    {
      title: 'a middleware ahead of a server that other code makes',
      example: 'hono',
      command: ['--preload', '../../middleware.ts', '../../bare.ts'],
    },
  ],
)
