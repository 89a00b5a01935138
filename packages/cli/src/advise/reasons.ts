import type { RouteReport } from '@flyroute/core/adapter'

/** What keeps an app from being served where its clients are. */
export interface Reason {
  /** Stable: scripts know it by that. */
  readonly name: 'touched-at-each-request' | 'write-on-read' | 'no-write' | 'method' | 'run-on-primary'
  readonly routes: readonly string[]
  /** How many requests it concerns. */
  readonly requests: number
  readonly why: string
  readonly remedy: string
}

/** What is in so many requests of a route is in each of them, but for errors and odd ones. */
const each = 0.8
/** What is in fewer requests of a route is not worth a word. */
const some = 0.05

const reading = /^(?:GET|HEAD|OPTIONS) /

/** What a statement is that no replica runs although nothing may come of it, and what there is to do. */
const notWriting: Readonly<Record<string, readonly [why: string, remedy: string]>> = {
  serializable: [
    'reads in a serializable transaction, which a replica cannot',
    'read in REPEATABLE READ: on one snapshot, which is enough for what only reads',
  ],
  'read-write': ['begins a transaction to write', 'begin it without READ WRITE where it may come to no write'],
  'locking-clause': [
    'locks what it reads (FOR UPDATE, FOR SHARE)',
    'leave the lock out where nothing is written after it',
  ],
  'require-primary': [
    'asks for the primary (requirePrimary)',
    'leave it out unless its work outside of the database must not be done twice',
  ],
  'advisory-lock': ['takes an advisory lock, which excludes no session on another server', 'take it where it writes'],
}

/** One cause at one route. */
interface Case {
  readonly route: RouteReport
  readonly cause: string
  readonly requests: number
}

/** The reasons of all routes, those that concern most requests first. */
export function reasonsOf(routes: readonly RouteReport[]): Reason[] {
  const cases = routes.flatMap((route) => (reading.test(route.route) ? casesOf(route) : []))
  const touched = touchedOf(cases)
  const others = cases.filter(({ cause }) => !touched.some((one) => one.cause === cause))
  return [
    ...touched.map(({ reason }) => reason),
    ...others.map(onRead),
    ...routes.flatMap(forItsMethod),
    ...routes.flatMap(runsOnPrimary),
  ].toSorted((a, b) => b.requests - a.requests)
}

function casesOf(route: RouteReport): Case[] {
  const { causes, requests } = route
  return Object.entries(causes).flatMap(([cause, count]) =>
    count >= some * requests ? { route, cause, requests: count } : [],
  )
}

/** The same table written at each request of several routes: a session that is touched, or a last visit that is noted. */
function touchedOf(cases: readonly Case[]): { cause: string; reason: Reason }[] {
  const atEach = cases.filter(({ cause, requests, route }) => isOfRows(cause) && requests >= each * route.requests)
  const causes = [...new Set(atEach.map(({ cause }) => cause))]
  return causes.flatMap((cause) => {
    const all = atEach.filter((one) => one.cause === cause)
    if (all.length < 2 && !isOfSessions(cause)) return []
    const reason: Reason = {
      name: 'touched-at-each-request',
      routes: all.map(({ route }) => route.route),
      requests: all.reduce((sum, { requests }) => sum + requests, 0),
      why: `${isOfSessions(cause) ? 'a session is touched' : 'the same table is written'} at each request (${cause})`,
      remedy: isOfSessions(cause)
        ? 'let the store leave sessions alone that are only read, and renew them once a day: docs/recipes.md#sessions'
        : 'write it now and then, by a job or by a request of its own',
    }
    return [{ cause, reason }]
  })
}

function isOfRows(cause: string): boolean {
  return /^(?:insert|update|replace|merge) /.test(cause)
}

function isOfSessions(cause: string): boolean {
  return /sess/i.test(cause)
}

function onRead({ route, cause, requests }: Case): Reason {
  const common = { routes: [route.route], requests }
  const known = notWriting[cause]
  if (known !== undefined) return { name: 'no-write', ...common, why: known[0], remedy: known[1] }
  const called = /^function:(.*)/.exec(cause)?.[1]
  if (called !== undefined) {
    const remedy = `where it only reads, say so: functions: { read: ['${called}'] }; else call it by a POST`
    return { name: 'write-on-read', ...common, why: `calls ${called}, which may write`, remedy }
  }
  const why = cause.startsWith('update ')
    ? `counts, or notes something, as it reads (${cause})`
    : `writes as it reads (${cause})`
  const remedy = 'gather it and write now and then by a job, or have the page send it by a POST of its own'
  return { name: 'write-on-read', ...common, why, remedy }
}

function forItsMethod({ route, requests, needless }: RouteReport): Reason[] {
  if (needless === 0 || needless < some * requests) return []
  const why = 'is replayed for its method, and has only read'
  const remedy = 'let its statements decide: leave it out of replayBeforeHandler'
  return [{ name: 'method', routes: [route], requests: needless, why, remedy }]
}

function runsOnPrimary({ route, requests, primary, primaryCrossings }: RouteReport): Reason[] {
  const trips = primaryCrossings / requests
  if (trips < some || primary === requests) return []
  const why = `waits ${trips.toFixed(1)} times a request for the primary, from any region (runOnPrimary)`
  const remedy = 'leave runOnPrimary out: what writes is replayed, or write it after the answer'
  return [{ name: 'run-on-primary', routes: [route], requests, why, remedy }]
}
