import { createServer } from 'node:http'
import { replayable } from '@flyroute/core/node'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { pool, router } from './router.ts'

const trpc = createHTTPHandler({ router, createContext: (context) => context, allowMethodOverride: true })

// Glue: with `allowMethodOverride` everything may be a POST, so what a procedure is decides, and then its statements.
const isMutation = (name: string) =>
  (router[name as keyof typeof router] as { _def?: { type?: string } })?._def?.type === 'mutation'
const handler = replayable(trpc, {
  databases: [pool],
  replayBeforeHandler: ({ path }) => path.slice(1).split(/[,?]/).some(isMutation),
})
createServer(handler).listen(Number(process.env.PORT ?? 3000))
