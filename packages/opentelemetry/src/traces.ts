import { SpanKind, type Tracer, trace } from '@opentelemetry/api'
import { replayReason } from './known.ts'
import type { Listeners } from './subscriptions.ts'
import { readTraceparent, writeTraceparent } from './traceparent.ts'

/**
 * What is added to the traces of an app: spans for replays and waits, and attributes of the span at hand. Where nothing has begun a
 * trace, nothing is.
 */
export function tracesOf(tracer: Tracer): Listeners {
  return {
    replay(told) {
      if (trace.getActiveSpan() === undefined) return
      const { reason, detail, target } = told
      // It is Fly Proxy that asks the other region. Nothing here waits for the answer: the span has a beginning, and children there.
      const span = tracer.startSpan('flyroute.replay', {
        kind: SpanKind.CLIENT,
        attributes: {
          'flyroute.replay.reason': reason,
          'flyroute.replay.target': target,
          ...(detail === undefined ? {} : { 'flyroute.replay.detail': detail }),
        },
      })
      told.trace = writeTraceparent(span.spanContext())
      span.end()
    },
    arrival({ reason, from, failure, trace: traceparent }) {
      const span = trace.getActiveSpan()
      if (span === undefined) return
      if (failure === undefined) span.setAttribute('flyroute.replayed.reason', replayReason(reason))
      if (failure === undefined && from !== undefined) span.setAttribute('flyroute.replayed.from', from.slice(0, 64))
      // Without `replayPropagator`, or where its client has a trace of its own.
      const context = readTraceparent(traceparent)
      if (context !== undefined && context.traceId !== span.spanContext().traceId) span.addLink({ context })
    },
    wait({ waitedMs, reached, database }) {
      if (trace.getActiveSpan() === undefined) return
      const endTime = performance.timeOrigin + performance.now()
      const attributes = { 'flyroute.database': database, 'flyroute.wait.reached': reached }
      tracer.startSpan('flyroute.wait', { startTime: endTime - waitedMs, attributes }).end(endTime)
    },
    fallback({ reason }) {
      trace.getActiveSpan()?.setAttribute('flyroute.fallback', reason)
    },
  }
}
