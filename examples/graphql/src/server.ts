import { createServer, type ServerResponse } from 'node:http'
import { replayable } from '@flyroute/core/node'
import { createYoga } from 'graphql-yoga'
import { pool, schema } from './schema.ts'

const yoga = createYoga<{ res: ServerResponse }>({ schema })

// Glue: everything is a POST, so statements decide; a client that says that it sends a mutation spares this region the try.
const handler = replayable(yoga, {
  databases: [pool],
  replayBeforeHandler: ({ headers }) => headers.get('x-graphql-operation') === 'mutation',
})
createServer(handler).listen(Number(process.env.PORT ?? 3000))
