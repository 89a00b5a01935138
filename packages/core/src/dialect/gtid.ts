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
  /**
   * The union, gaps kept; but of two domains of MariaDB that have gone apart, the one that came later: what the other one
   * has beyond the point where they parted was lost, so that no wait for it can end.
   */
  merge(a, b) {
    const [one, other] = [parse(a), parse(b)]
    if (one === undefined || other === undefined) return one === undefined ? b : a
    const merged: GtidSet = new Map()
    for (const domain of new Set([...one.keys(), ...other.keys()].map(domainOf))) {
      const [mine, theirs] = [ofDomain(one, domain), ofDomain(other, domain)]
      const later = laterOf(mine, theirs)
      for (const set of later === undefined ? [mine, theirs] : [later]) {
        for (const [source, intervals] of set) {
          merged.set(source, union([...(merged.get(source) ?? []), ...intervals]))
        }
      }
    }
    return format(merged)
  },
  /** Where no server has written in both, neither has ever followed the other. One that has nothing yet may follow any server. */
  areForeign(a, b) {
    const [one, other] = [parse(a), parse(b)]
    if (one === undefined || other === undefined || one.size === 0 || other.size === 0) return false
    return ![...one.keys()].some((key) => other.has(key))
  },
  /**
   * Neither database counts its failovers: what another server has written and this one does not have tells that it was
   * passed over; or else that it took over itself, and the tail of its predecessor was lost. On MariaDB the numbers tell the
   * one from the other, on MySQL only whether this server has ever heard of that one. What it should have written itself
   * and does not have was lost, or never was. Where the two have no source in common, they belong to different clusters.
   */
  isOvertaken({ at, source }, wanted) {
    const [has, needs] = [parse(at), parse(wanted)]
    if (has === undefined || needs === undefined || ![...needs.keys()].some((key) => has.has(key))) return false
    for (const lacking of missing(has, needs)) {
      if (source === undefined) return true
      if (isOf(lacking, source)) continue
      if (!has.has(lacking)) return true
      if (!isMariadb(lacking)) continue
      const domain = domainOf(lacking)
      const [here, there] = [ofDomain(has, domain), ofDomain(needs, domain)]
      const top = topOf(there)
      const own = [...there.keys()].find((key) => isOf(key, source))
      // The later primary knows what the earlier one had written.
      if (top !== own && own !== undefined && lastOf(there.get(own)) > lastOf(here.get(top))) return true
    }
    return false
  },
}

/**
 * Of two states of one domain, the one whose last server has taken over from the other's; undefined where they tell one and
 * the same story. All servers of a domain count on from each other: so of two that have both been primary, the one that
 * knows more of the other's numbers has begun later.
 */
function laterOf(one: GtidSet, other: GtidSet): GtidSet | undefined {
  const [top, othersTop] = [topOf(one), topOf(other)]
  if (top === '' || othersTop === '' || top === othersTop || !isMariadb(top)) return undefined
  if (missing(one, other).next().done === true || missing(other, one).next().done === true) return undefined
  const [known, othersKnown] = [lastOf(one.get(othersTop)), lastOf(other.get(top))]
  if (known === othersKnown) return undefined
  return known > othersKnown ? one : other
}

/** The source of the highest number. */
function topOf(set: GtidSet): string {
  let top = ''
  for (const [source, intervals] of set) if (top === '' || lastOf(intervals) > lastOf(set.get(top))) top = source
  return top
}

/** What a set has of a domain; MySQL has but one. */
function ofDomain(set: GtidSet, domain: string): GtidSet {
  return new Map([...set].filter(([source]) => domainOf(source) === domain))
}

/**
 * The position after a transaction: all that its server had done before, as far as that is known, and everything of the
 * transaction's own source up to it. A text that stays short, where a collection of single GTIDs would grow for ever.
 * Gaps that the server had are kept, since they are never filled.
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
    if (!holds(reached, source, intervals) && !isImplied(reached, source, wanted)) yield source
  }
}

function holds(set: GtidSet, source: string, intervals: readonly Interval[]): boolean {
  const has = set.get(source) ?? []
  return intervals.every(([first, last]) => has.some(([from, to]) => from <= first && last <= to))
}

/**
 * A replica of MariaDB that was made from a copy has no log of its predecessors: it names the last one of the domain alone,
 * and has what that one stands on.
 */
function isImplied(reached: GtidSet, source: string, wanted: GtidSet): boolean {
  if (!isMariadb(source) || reached.has(source)) return false
  const number = lastOf(wanted.get(source))
  for (const [other, intervals] of wanted) {
    const isLater = domainOf(other) === domainOf(source) && lastOf(intervals) > number
    if (isLater && holds(reached, other, intervals)) return true
  }
  return false
}

function isMariadb(source: string): boolean {
  return mariadbSource.test(source)
}

function lastOf(intervals: readonly Interval[] | undefined): bigint {
  return intervals?.at(-1)?.[1] ?? 0n
}

function isOf(key: string, source: string): boolean {
  // A server of MySQL is the source of all its tags; one of MariaDB is its number, in whichever domain.
  return key === source || key.startsWith(`${source}:`) || key.endsWith(`-${source}`)
}

/** On MySQL, whose sets have no domains, it is empty. */
function domainOf(source: string): string {
  return isMariadb(source) ? source.slice(0, source.indexOf('-')) : ''
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

const mariadbSource = /^\d+-\d+$/
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
      if (isMariadb(source)) return `${source}-${intervals.at(-1)?.[1]}`
      return `${source}:${intervals.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(':')}`
    })
    .join(',')
}
