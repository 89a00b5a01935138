import type { RouteReport } from '@flyroute/core/adapter'
import { median, type Prediction, predict } from './predict.ts'
import { type Reason, reasonsOf } from './reasons.ts'
import type { Traffic } from './reports.ts'

/** What is said of one route. */
export interface RouteAdvice {
  readonly route: string
  readonly requests: number
  /** The share of them that a region with a replica would serve by itself. */
  readonly local: number
  /** Statements a request, and the share of them that write. */
  readonly statements: number
  readonly writing: number
  /** How often a request waits for the database, and for how long in all (ms). */
  readonly waits: number
  readonly databaseMs: number
  /** At the median (ms), as the app itself sees it. */
  readonly p50: number
  readonly regions: Readonly<Record<string, Prediction>>
}

/** All that is said of an app. */
export interface Advice {
  /** Epoch ms. */
  readonly since: number
  readonly until: number
  readonly processes: number
  /** The region of the primary; undefined where that is not known. */
  readonly primary: string | undefined
  readonly requests: number
  /** The share of them that needs the primary: a write, or what only the primary can do. */
  readonly writing: number
  readonly statements: number
  readonly writingStatements: number
  readonly regions: Readonly<Record<string, Prediction>>
  readonly routes: readonly RouteAdvice[]
  readonly reasons: readonly Reason[]
}

/** @param regions that one thinks of adding */
export function advise(traffic: Traffic, primary: string | undefined, regions: readonly string[]): Advice {
  const { routes, processes, since, until } = traffic
  const sum = (of: (route: RouteReport) => number): number => routes.reduce((all, route) => all + of(route), 0)
  const predictions = (some: readonly RouteReport[]): Record<string, Prediction> =>
    primary === undefined
      ? {}
      : Object.fromEntries(regions.map((to) => [to, predict(some, { from: primary, to })] as const))
  const requests = sum((route) => route.requests)
  return {
    since,
    until,
    processes,
    primary,
    requests,
    writing: share(
      sum((route) => route.primary),
      requests,
    ),
    statements: sum((route) => route.statements),
    writingStatements: share(
      sum((route) => route.writes),
      sum((route) => route.statements),
    ),
    regions: predictions(routes),
    routes: routes.map((route) => ({
      route: route.route,
      requests: route.requests,
      local: share(route.requests - route.primary, route.requests),
      statements: share(route.statements, route.requests),
      writing: share(route.writes, route.statements),
      waits: share(route.crossings, route.requests),
      databaseMs: share(route.databaseMs, route.requests),
      p50: median([...route.localMs, ...route.primaryMs]),
      regions: predictions([route]),
    })),
    reasons: reasonsOf(routes),
  }
}

function share(part: number, all: number): number {
  return all === 0 ? 0 : part / all
}
