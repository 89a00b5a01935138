// An app of the lab with the whole of OpenTelemetry: metrics for Prometheus and spans, both asked for on the Machine itself.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { replayable } from '@flyroute/core/node'
import { FlyrouteInstrumentation, replayPropagator } from '@flyroute/opentelemetry'
import { createPool } from '@flyroute/pg'
import { context, propagation, type TextMapPropagator, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

const spans = new InMemorySpanExporter()
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
const propagators: TextMapPropagator[] = [new W3CTraceContextPropagator()]
if (process.env['WITHOUT_PROPAGATOR'] === undefined) propagators.push(replayPropagator())
propagation.setGlobalPropagator(new CompositePropagator({ propagators }))
// The app speaks to no one by HTTP, and what is asked of the Machine itself is no part of it.
new HttpInstrumentation({ ignoreIncomingRequestHook: ({ url = '' }) => url.startsWith('/-/') }).enable()
createRequire(import.meta.url)('node:http')

const exporter = new PrometheusExporter({ preventServerStart: true })
const meterProvider = new MeterProvider({ readers: [exporter] })
new FlyrouteInstrumentation({ meterProvider }).enable()

const pool = createPool()
const insert = 'insert into visit default values'
const handle = replayable(
  async ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    const [, path] = url.split('/')
    if (path === 'read') await pool.query('select count(*) from visit')
    else if (path === 'fault') await pool.query('select 1 / 0').catch(() => undefined)
    else if (path === 'late') response.flushHeaders()
    if (path !== 'read' && path !== 'fault') await pool.query(insert)
    response.end(path)
  },
  { databases: [pool], debugHeader: true },
)

createServer(async (request, response) => {
  if (request.url === '/-/metrics') return exporter.getMetricsRequestHandler(request, response)
  if (request.url === '/-/lag') return void response.end(JSON.stringify(await pool.replication.status()))
  if (request.url === '/-/spans') {
    const told = spans.getFinishedSpans().map((span) => ({
      name: span.name,
      kind: span.kind,
      trace: span.spanContext().traceId,
      id: span.spanContext().spanId,
      parent: span.parentSpanContext?.spanId,
      links: span.links.map(({ context }) => context.spanId),
      attributes: span.attributes,
    }))
    spans.reset()
    return void response.end(JSON.stringify(told))
  }
  return handle(request, response)
}).listen(Number(process.env['PORT']))
