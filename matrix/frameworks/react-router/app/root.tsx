import { replayMiddleware } from '@flyroute/core/fetch'
import type { ReactNode } from 'react'
import { type MiddlewareFunction, Outlet, Scripts } from 'react-router'
import { pool } from './pool.server'

// Glue: the first middleware of the root. A search is a POST that may stay: its statements decide.
const replays = replayMiddleware({
  databases: [pool],
  replayBeforeHandler: ({ method, path }) => method === 'POST' && !path.startsWith('/search'),
})
export const middleware: MiddlewareFunction<Response>[] = [({ request }, next) => replays(request, next)]

export default function Root(): ReactNode {
  return (
    <html lang="en">
      <body>
        <Outlet />
        <Scripts />
      </body>
    </html>
  )
}
