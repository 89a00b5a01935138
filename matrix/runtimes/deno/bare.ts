// A server that keeps itself to itself.
import { serve } from '@hono/node-server'

const { app } = await import('./generated/hono/app.ts')
serve({ fetch: app.fetch, port: Number(process.env['PORT']) })
