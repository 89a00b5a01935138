import { estimateCrossingMs, estimateReplayMs, type RouteReport } from '@flyroute/core/adapter'

/** Where the app runs, and where it could run as well. */
export interface Move {
  readonly from: string
  readonly to: string
}

/** What a client near a region waits for, at the median (ms), from the proxy's edge there until the answer begins. */
export interface Prediction {
  /** The app runs in one region. */
  readonly now: number
  /** It runs in this one too, with a replica of the database beside it. */
  readonly withReplica: number
  /** It runs in this one too, and the database in the other alone. */
  readonly withoutReplica: number
}

/** So many requests that take so long (ms). */
type Sample = readonly [ms: number, requests: number]

/**
 * What clients near a region would wait for, of some routes together. What would be served there takes what it takes now; what would be
 * replayed takes the way to the primary's region and back (core's own estimate, which placement goes by as well) on top, and once more
 * what its handler does ahead of its first write.
 */
export function predict(routes: readonly RouteReport[], { from, to }: Move): Prediction {
  const wayMs = from === to ? 0 : estimateReplayMs(to, from)
  const crossingMs = from === to ? 0 : estimateCrossingMs(to, from)
  const of = (make: (route: RouteReport) => readonly Sample[]): number => median(routes.flatMap(make))
  return {
    now: of(({ localMs, primaryMs }) => later(wayMs, [...localMs, ...primaryMs])),
    withReplica: of((route) => [...later(onPrimaryMs(route, crossingMs), route.localMs), ...replayed(route, wayMs)]),
    withoutReplica: of((route) => {
      const statementsMs = (route.crossings / route.requests) * crossingMs
      // What has needed so much is learned, and replayed from then on.
      const local = later(statementsMs > wayMs ? wayMs : statementsMs, route.localMs)
      return [...local, ...replayed(route, wayMs, crossingMs)]
    }),
  }
}

/** What is sent across from any region: inside `runOnPrimary`. */
function onPrimaryMs({ primaryCrossings, requests }: RouteReport, crossingMs: number): number {
  return (primaryCrossings / requests) * crossingMs
}

/** @param crossingMs what a statement takes that is sent ahead of the first write; that much at most is tried */
function replayed({ primary, ahead, untilWriteMs, primaryMs }: RouteReport, wayMs: number, crossingMs = 0): Sample[] {
  const tried = primary - ahead
  if (tried <= 0 || wayMs === 0) return later(wayMs, primaryMs)
  // A route that writes is known for it after its first request, where no replica is near.
  const inVainMs = crossingMs > 0 ? 0 : untilWriteMs / tried
  return later(wayMs + inVainMs * (tried / primary), primaryMs)
}

function later(ms: number, samples: readonly Sample[]): Sample[] {
  return samples.map(([each, requests]) => [each + ms, requests])
}

/** The median of so many requests; 0 where there are none. */
export function median(samples: readonly Sample[]): number {
  const sorted = samples.toSorted(([a], [b]) => a - b)
  const all = sorted.reduce((sum, [, requests]) => sum + requests, 0)
  let seen = 0
  for (const [ms, requests] of sorted) {
    seen += requests
    if (seen * 2 >= all) return ms
  }
  return 0
}
