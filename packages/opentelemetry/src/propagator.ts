import { parseReplaySource } from '@flyroute/core'
import { traceOf } from '@flyroute/core/adapter'
import { type TextMapPropagator, trace } from '@opentelemetry/api'
import { readTraceparent } from './traceparent.ts'

/**
 * Makes a replayed request one trace over both regions, also where its client has sent no `traceparent`: what was done in the first
 * region comes along in the `state` of the replay, and is the parent of what is done in the second one. To be listed behind the propagators
 * of an SDK. A trace that the client itself has begun stays that trace.
 *
 * @example
 * const textMapPropagator = new CompositePropagator({
 *   propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator(), replayPropagator()],
 * })
 */
export function replayPropagator(): TextMapPropagator {
  return {
    inject() {},
    fields: () => [],
    extract(context, carrier, getter) {
      const source = parseReplaySource(getter.get(carrier, 'fly-replay-src'))
      const span = readTraceparent(traceOf(source?.state))
      const given = trace.getSpanContext(context)
      if (span === undefined || (given !== undefined && given.traceId !== span.traceId)) return context
      const { traceState } = given ?? {}
      return trace.setSpanContext(context, traceState === undefined ? span : { ...span, traceState })
    },
  }
}
