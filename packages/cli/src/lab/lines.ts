import type { Hop, JournalEntry, OutputLine } from '@flyroute/lab'

/** A request as one line: `ams POST /posts → ord 97 ms (insert)`. */
export function requestLine(entry: JournalEntry): string {
  const last = entry.hops.at(-1)
  const place =
    last === undefined || last.failure !== undefined ? 'nobody' : last.region === entry.edge ? 'local' : last.region
  const status = entry.status !== undefined && entry.status >= 400 ? ` ${entry.status}` : ''
  const notes = [entry.error?.replaceAll('_', ' '), reasonOf(entry), mannerOf(last)].filter(Boolean)
  const remarks = notes.length > 0 ? ` (${notes.join(', ')})` : ''
  return `${entry.edge} ${entry.method} ${entry.path} → ${place}${status} ${Math.round(entry.milliseconds)} ms${remarks}`
}

/** Why a Machine asked for a replay, in its own words: the last part of `flyroute:write:insert`, the reason of a debug header. */
function reasonOf({ hops }: JournalEntry): string | undefined {
  const why = hops.findLast((hop) => hop.replays)?.why
  if (why === undefined) return undefined
  const reason = /(?:^|;)\s*reason=([^;]+)/.exec(why)?.[1] ?? why
  return reason.split(':').at(-1)?.trim().toLowerCase()
}

function mannerOf(hop: Hop | undefined): string | undefined {
  if (hop?.kind === 'cached') return 'cached replay'
  if (hop?.kind === 'fallback') return 'back after a failed replay'
  return undefined
}

/** A line of an app: `ams │ listening`. */
export function outputLine({ region, machine, text }: OutputLine): string {
  return `${machine === 'setup' ? 'setup' : region} │ ${text}`
}
