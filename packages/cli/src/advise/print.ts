import type { Advice, RouteAdvice } from './advice.ts'

/** So many routes are shown: `--json` has all of them. */
const mostRoutes = 25

/** The advice as text: what share writes, what is gained where, and what keeps it back. */
export function printed(advice: Advice): string {
  const parts = [headOf(advice), regionsOf(advice), routesOf(advice), reasonsOf(advice)]
  return parts.filter((part) => part !== '').join('\n\n')
}

function headOf({
  requests,
  writing,
  statements,
  writingStatements,
  processes,
  primary,
  since,
  until,
}: Advice): string {
  const by = `${processes} process${processes === 1 ? '' : 'es'}${primary === undefined ? '' : ` in ${primary}`}`
  return [
    `${count(requests)} requests in ${duration(until - since)}, counted by ${by}.`,
    `${percent(1 - writing)} of them could be served near their clients, ${percent(writing)} need the primary; of ${count(statements)} statements ${percent(writingStatements)} write.`,
    verdictOf(writing),
  ].join('\n')
}

function verdictOf(writing: number): string {
  if (writing > 0.5)
    return 'More than half of the requests write: this app gains little in other regions, where all of these are replayed. Look below whether they have to.'
  if (writing > 0.2) return 'It gains where it reads; what keeps the rest back is below.'
  return 'It is made for more regions.'
}

function regionsOf({ regions, primary }: Advice): string {
  const names = Object.keys(regions)
  if (names.length === 0)
    return 'Name the regions that you think of adding to see what they would gain: --regions ams,gru'
  const rows = names.map((name) => {
    const { now, withReplica, withoutReplica } = regions[name] as Advice['regions'][string]
    return [name, time(now), time(withReplica), time(withoutReplica)]
  })
  return table([[`p50 for clients in`, `from ${primary} (now)`, 'with a replica there', 'without one'], ...rows], 1)
}

function routesOf({ routes, regions }: Advice): string {
  const names = Object.keys(regions)
  const head = ['route', 'requests', 'local', 'statements', 'writing', 'waits', 'database', 'p50', ...names]
  const rows = routes.slice(0, mostRoutes).map((route) => rowOf(route, names))
  const rest = routes.length - rows.length
  return table([head, ...rows], 1) + (rest > 0 ? `\n… and ${rest} more: --json has them` : '')
}

function rowOf(route: RouteAdvice, names: readonly string[]): string[] {
  const { requests, local, statements, writing, waits, databaseMs, p50, regions } = route
  return [
    route.route,
    count(requests),
    percent(local),
    statements.toFixed(1),
    percent(writing),
    waits.toFixed(1),
    time(databaseMs),
    time(p50),
    ...names.map((name) => `${whole(regions[name]?.now)} → ${time(regions[name]?.withReplica)}`),
  ]
}

function reasonsOf({ reasons, requests }: Advice): string {
  if (reasons.length === 0) return ''
  const lines = reasons.map(
    (reason) =>
      `  ${reason.routes.join(', ')}\n    ${reason.why}: ${percent(reason.requests / requests)} of all requests\n    what to do: ${reason.remedy}`,
  )
  return ['What keeps requests from being served near their clients:', ...lines].join('\n')
}

/** Columns as wide as they need; those from `right` on stand to the right. */
function table(rows: readonly (readonly string[])[], right: number): string {
  const [head = []] = rows
  const widths = head.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)))
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at < right ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function count(number: number): string {
  return number.toLocaleString('en')
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function whole(ms = 0): string {
  return ms < 10 ? ms.toFixed(1) : String(Math.round(ms))
}

function time(ms?: number): string {
  return `${whole(ms)} ms`
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}
