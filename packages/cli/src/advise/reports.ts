import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { RouteReport, TrafficReport } from '@flyroute/core/adapter'
import { UsageError } from '../terminal.ts'

/** What all processes of an app have counted together. */
export interface Traffic {
  readonly processes: number
  readonly region: string | undefined
  readonly primaryRegion: string | undefined
  /** Epoch ms. */
  readonly since: number
  readonly until: number
  readonly routes: readonly RouteReport[]
}

/** A process that ended writes its last word within so many ms of the others of its app. */
const togetherMs = 10_000

/**
 * Reads what the processes of an app have counted: of those that run; where none does, of those that ended last.
 *
 * @param path a folder as `FLYROUTE_ADVISE` names it, or one file of it
 * @throws UsageError where there is nothing
 */
export function readTraffic(path: string): Traffic {
  const all = filesOf(path).map((file) => asReport(file, readFileSync(file, 'utf8')))
  const running = all.filter(({ pid }) => isAlive(pid))
  const last = Math.max(...all.map(({ until }) => until))
  const reports = running.length > 0 ? running : all.filter(({ until }) => until > last - togetherMs)
  const [first] = reports
  if (first === undefined) {
    throw new UsageError(
      `flyroute advise: nothing was counted in ${path}. Start the app with FLYROUTE_ADVISE=1, or by this command: flyroute advise -- node server.js`,
    )
  }
  return {
    processes: reports.length,
    region: first.region,
    primaryRegion: first.primaryRegion,
    since: Math.min(...reports.map(({ since }) => since)),
    until: Math.max(...reports.map(({ until }) => until)),
    routes: sumByRoute(reports.flatMap(({ routes }) => routes)),
  }
}

function filesOf(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    return readdirSync(path).flatMap((name) => (name.endsWith('.json') ? join(path, name) : []))
  } catch {
    return []
  }
}

function asReport(file: string, content: string): TrafficReport {
  try {
    const report = JSON.parse(content) as TrafficReport
    if (report.version === 1 && Array.isArray(report.routes)) return report
  } catch {
    // Said below.
  }
  throw new UsageError(`flyroute advise: ${file} is not what FLYROUTE_ADVISE writes`)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

function sumByRoute(routes: readonly RouteReport[]): RouteReport[] {
  const sums = new Map<string, RouteReport>()
  for (const route of routes) {
    const known = sums.get(route.route)
    sums.set(route.route, known === undefined ? route : sum(known, route))
  }
  return [...sums.values()].toSorted((a, b) => b.requests - a.requests)
}

function sum(a: RouteReport, b: RouteReport): RouteReport {
  return {
    route: a.route,
    requests: a.requests + b.requests,
    primary: a.primary + b.primary,
    ahead: a.ahead + b.ahead,
    needless: a.needless + b.needless,
    statements: a.statements + b.statements,
    reads: a.reads + b.reads,
    writes: a.writes + b.writes,
    crossings: a.crossings + b.crossings,
    primaryCrossings: a.primaryCrossings + b.primaryCrossings,
    databaseMs: a.databaseMs + b.databaseMs,
    untilWriteMs: a.untilWriteMs + b.untilWriteMs,
    causes: Object.fromEntries(sumPairs([...Object.entries(a.causes), ...Object.entries(b.causes)])),
    localMs: sumPairs([...a.localMs, ...b.localMs]),
    primaryMs: sumPairs([...a.primaryMs, ...b.primaryMs]),
  }
}

function sumPairs<Key>(pairs: readonly (readonly [Key, number])[]): [Key, number][] {
  const sums = new Map<Key, number>()
  for (const [key, count] of pairs) sums.set(key, (sums.get(key) ?? 0) + count)
  return [...sums]
}
