import type { PositionAlgebra } from '../position.ts'

/**
 * Sets of global transaction ids. Of each source the numbers that are in the set, as intervals in ascending order,
 * ends included.
 *
 * - MySQL: `uuid:1-5:7,uuid:1-3:tag:1-2`. A source is a server's UUID, with the tag where there is one (8.3 and later).
 * - MariaDB: `0-1-42,1-1-7`, domain, server and number. A source is a server in a domain, and as it numbers upwards, a GTID
 *   stands for all that this server has written to the domain so far. The last GTID of a domain alone would not do: after
 *   a failover a stale primary goes on counting, and arrives at higher numbers without having what they stand for.
 */
type GtidSet = Map<string, Interval[]>
type Interval = readonly [first: bigint, last: bigint]

/** More than any cluster has had primaries, times their gaps; what a client sends must not cost more to look at. */
const maxIntervals = 1_000

/** GTID sets of MySQL and of MariaDB; which of the two a text is, it says itself. */
export const gtids: PositionAlgebra = {
  isValid: (at) => parse(at) !== undefined,
  covers(reached, wanted) {
    const [has, needs] = [parse(reached), parse(wanted)]
    return has !== undefined && needs !== undefined && missing(has, needs).next().done === true
  },
  /** The union, gaps kept. */
  merge(a, b) {
    const [one, other] = [parse(a), parse(b)]
    if (one === undefined || other === undefined) return one === undefined ? b : a
    for (const [source, intervals] of other) one.set(source, union([...(one.get(source) ?? []), ...intervals]))
    return format(one)
  },
  /**
   * Neither database counts its failovers: what another server has written and this one does not have tells that it was
   * passed over. What it should have written itself and does not have was lost, or never was. Where the two have no source
   * in common, they belong to different clusters.
   */
  isOvertaken({ at, source }, wanted) {
    const [has, needs] = [parse(at), parse(wanted)]
    if (has === undefined || needs === undefined || ![...needs.keys()].some((key) => has.has(key))) return false
    for (const lacking of missing(has, needs)) if (source === undefined || !isOf(lacking, source)) return true
    return false
  },
}

/**
 * The position behind a transaction: all that its server had done before, as far as that is known, and everything of the
 * transaction's own source up to it. A text that stays short, where a collection of single GTIDs would grow for ever.
 * Gaps that the server had are kept, as nobody will ever fill them.
 *
 * @param executed what the server had at some time before, or after
 * @param own the GTIDs of the transaction
 */
export function upTo(executed: string, own: string): string {
  const [before, added] = [parse(executed), parse(own)]
  if (before === undefined || added === undefined) return own
  for (const [source, intervals] of added) {
    const last = intervals.at(-1)?.[1] ?? 0n
    const known = (before.get(source) ?? []).filter(([first]) => first <= last)
    const [start] = known.at(-1) ?? intervals[0] ?? [last]
    before.set(source, union([...known.slice(0, -1), [start, last]]))
  }
  return format(before)
}

/**
 * What can be seen on a replica of MariaDB: its binary log is written ahead of the commit, so each server's number there
 * counts only as far as the domain has been applied.
 *
 * @param logged `@@gtid_binlog_state`: the last number of each server in each domain
 * @param applied `@@gtid_slave_pos`: the last GTID of each domain
 */
export function visible(logged: string, applied: string): string {
  const [log, done] = [parse(logged) ?? new Map<string, Interval[]>(), parse(applied) ?? new Map<string, Interval[]>()]
  const limits = new Map([...done].map(([source, intervals]) => [domainOf(source), intervals.at(-1)?.[1] ?? 0n]))
  for (const [source, intervals] of log) {
    const limit = limits.get(domainOf(source)) ?? 0n
    const last = intervals.at(-1)?.[1] ?? 0n
    const seen = last < limit ? last : limit
    if (seen > 0n) done.set(source, [[1n, seen]])
  }
  return format(done)
}

/** The intervals of `wanted` that are not in `reached`, as their sources. */
function* missing(reached: GtidSet, wanted: GtidSet): Generator<string> {
  for (const [source, intervals] of wanted) {
    const has = reached.get(source) ?? []
    const holds = ([first, last]: Interval): boolean => has.some(([from, to]) => from <= first && last <= to)
    if (!intervals.every(holds)) yield source
  }
}

function isOf(key: string, source: string): boolean {
  // A server of MySQL is the source of all its tags; one of MariaDB is its number, in whichever domain.
  return key === source || key.startsWith(`${source}:`) || key.endsWith(`-${source}`)
}

function domainOf(source: string): string {
  return source.slice(0, source.indexOf('-'))
}

function union(intervals: Interval[]): Interval[] {
  const sorted = [...intervals].sort(([a], [b]) => (a < b ? -1 : 1))
  const merged: [bigint, bigint][] = []
  for (const [first, last] of sorted) {
    const before = merged.at(-1)
    if (before === undefined || first > before[1] + 1n) merged.push([first, last])
    else if (last > before[1]) before[1] = last
  }
  return merged
}

const mariadbForm = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/
const uuidForm = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/
const tagForm = /^[a-z_][a-z\d_]{0,31}$/
const intervalForm = /^(\d{1,19})(?:-(\d{1,19}))?$/

function parse(text: string): GtidSet | undefined {
  const set: GtidSet = new Map()
  let count = 0
  const add = (source: string, first: bigint, last: bigint): boolean => {
    if (last < first || ++count > maxIntervals) return false
    const before = set.get(source)
    if (before === undefined) set.set(source, [[first, last]])
    else before.push([first, last])
    return true
  }
  for (const part of text.toLowerCase().split(',')) {
    const gtid = part.trim()
    if (gtid === '') continue
    const mariadb = mariadbForm.exec(gtid)
    const isRead =
      mariadb === null
        ? parseMysql(gtid, add)
        : add(`${Number(mariadb[1])}-${Number(mariadb[2])}`, 1n, BigInt(mariadb[3] ?? 0))
    if (!isRead) return undefined
  }
  for (const [source, intervals] of set) if (intervals.length > 1) set.set(source, union(intervals))
  return set
}

function parseMysql(text: string, add: (source: string, first: bigint, last: bigint) => boolean): boolean {
  const [uuid = '', ...parts] = text.split(':').map((part) => part.trim())
  if (!uuidForm.test(uuid) || parts.length === 0) return false
  let source = uuid
  for (const part of parts) {
    const interval = intervalForm.exec(part)
    if (interval === null && !tagForm.test(part)) return false
    if (interval === null) source = `${uuid}:${part}`
    else if (!add(source, BigInt(interval[1] ?? 0), BigInt(interval[2] ?? interval[1] ?? 0))) return false
  }
  return true
}

function format(set: GtidSet): string {
  const sources = [...set].filter(([, intervals]) => intervals.length > 0).sort(([a], [b]) => (a < b ? -1 : 1))
  return sources
    .map(([source, intervals]) => {
      if (/^\d+-\d+$/.test(source)) return `${source}-${intervals.at(-1)?.[1]}`
      return `${source}:${intervals.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(':')}`
    })
    .join(',')
}
