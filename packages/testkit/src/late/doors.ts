import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { replayable as replayableFetch } from '@flyroute/core/fetch'
import { replayable, replayMiddleware } from '@flyroute/core/node'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import express from 'express'
import { Hono } from 'hono'
import type { LateSubject } from './subject.ts'

/** What the app does with a request, until it answers. */
export type Handle = (path: string, response: ServerResponse) => Promise<unknown>

export type Door = 'handler' | 'express' | 'hono'

/** By name, the ways into an app that are tried: each with the middleware or the wrapper that an app would have. */
export const doors: Readonly<Record<Door, (subject: LateSubject, handle: Handle) => RequestListener>> = {
  handler({ database }, handle) {
    const own = (request: IncomingMessage, response: ServerResponse): Promise<unknown> =>
      handle(request.url ?? '', response).then(() => response.writableEnded || response.end('done'))
    const listen = replayable(own, { databases: [database] })
    return (request, response) => void listen(request, response)
  },

  express({ database }, handle) {
    const app = express().use(replayMiddleware({ databases: [database] }))
    // It prints no errors then.
    app.set('env', 'test')
    return app.use((request, response) => handle(request.url, response).then(() => response.send('done')))
  },

  hono({ database }, handle) {
    const app = new Hono<{ Bindings: HttpBindings }>()
    app.get('*', async (context) => {
      await handle(context.req.path, context.env.outgoing)
      return context.text('done')
    })
    app.onError((_, context) => context.text('failed', 500))
    const listen = getRequestListener(replayableFetch(app.fetch, { databases: [database] }))
    return (request, response) => void listen(request, response)
  },
}
