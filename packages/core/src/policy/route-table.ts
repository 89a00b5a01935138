/** So many routes are kept by their path, and so many groups of those that look alike; the ones learned longest ago go first. */
const mostRoutes = 1_000
const mostGroups = 250
/** A path is told apart by so many characters: what is longer differs in its parts, not in what it does. */
const longestPath = 200
/** The weight of the newest request in the mean. */
const weight = 0.5
/** What was learned longer ago (ms) counts no more: the app may be another one. */
const forgottenMs = 600_000
/** After so many replays one request is tried where it is, since a replay tells nothing of what it would have needed here. */
const [fewestReplays, mostReplays] = [4, 64] as const
/** Ever more seldom: after a third as many again as there were. */
const growth = 3

/** Part of a path that says which thing is meant, and not what is done: a number, a uuid, a hash, an id of letters and digits. */
const changing = /^(?:\d+|[\da-f]{8}-[\da-f-]{27}|(?=[^/]*\d)[\w-]{16,}|(?=[a-f]*\d)[\da-f]{8,})$/i

/** What requests of one kind have needed, and how they were served since that was learned. */
interface Learned {
  /** Exponential mean of the crossings. */
  mean: number
  at: number
  /** Replays since it was learned that they are cheaper, and since a request was last tried where it is. */
  replays: number
  untried: number
}

/** What is expected of a request before its handler runs. */
export interface Expectation {
  /** The crossings that it needs, by those before it; undefined where nothing is known. */
  readonly crossings: number | undefined
  /** It is time to try where it is: what is known may have changed, and a replay does not show it. */
  readonly isTrial: boolean
}

const unknown: Expectation = { crossings: undefined, isTrial: false }

/**
 * How many crossings the routes of an app need, by what their requests have needed: of each method and path, with the parts taken
 * out that change from thing to thing. A path that is new (slugs differ in letters alone) is taken for one like the others of the
 * same beginning and length. Bounded, below 1 MB, whatever paths clients think of.
 */
export class RouteTable {
  readonly #routes: Map<string, Learned> = new Map()
  readonly #groups: Map<string, Learned> = new Map()

  /** @param path with its query or without */
  expects(method: string, path: string, now: number = Date.now()): Expectation {
    const [route, group] = keysOf(method, path)
    const learned = current(this.#routes.get(route), now) ?? current(this.#groups.get(group), now)
    if (learned === undefined) return unknown
    const pause = Math.min(mostReplays, Math.max(fewestReplays, learned.replays / growth))
    return { crossings: learned.mean, isTrial: learned.untried >= pause }
  }

  /** A request was replayed ahead of its handler. */
  replayed(method: string, path: string): void {
    const [route, group] = keysOf(method, path)
    const learned = this.#routes.get(route) ?? this.#groups.get(group)
    if (learned === undefined) return
    learned.replays++
    learned.untried++
  }

  /** A request is tried where it is: others meanwhile are not. */
  tries(method: string, path: string): void {
    const [route, group] = keysOf(method, path)
    const learned = this.#routes.get(route) ?? this.#groups.get(group)
    if (learned !== undefined) learned.untried = 0
  }

  /**
   * A request has ended, or come to where it was replayed.
   *
   * @param isDear a replay would have been cheaper
   */
  learn(method: string, path: string, crossings: number, isDear: boolean, now: number = Date.now()): void {
    const [route, group] = keysOf(method, path)
    note(this.#routes, route, mostRoutes, crossings, isDear, now)
    note(this.#groups, group, mostGroups, crossings, isDear, now)
  }
}

function note(
  table: Map<string, Learned>,
  key: string,
  most: number,
  crossings: number,
  isDear: boolean,
  now: number,
): void {
  const before = current(table.get(key), now)
  const mean = before === undefined ? crossings : before.mean + (crossings - before.mean) * weight
  // One that is cheap here again is tried again at once, until the mean says so too.
  const untried = isDear ? 0 : mostReplays
  table.delete(key)
  table.set(key, { mean, at: now, replays: isDear ? (before?.replays ?? 0) : 0, untried })
  const [oldest] = table.keys()
  if (table.size > most && oldest !== undefined) table.delete(oldest)
}

function current(learned: Learned | undefined, now: number): Learned | undefined {
  return learned !== undefined && now - learned.at < forgottenMs ? learned : undefined
}

/** The route of a request, and the group of routes that it belongs to. */
export function keysOf(method: string, path: string): readonly [route: string, group: string] {
  const end = path.search(/[?#]/)
  const plain = path.slice(0, Math.min(end === -1 ? path.length : end, longestPath))
  const parts = plain.split('/').map((part) => (changing.test(part) ? ':' : part))
  const [, first = ''] = parts
  return [`${method} ${parts.join('/')}`, `${method} ${parts.length > 2 ? first : ''} ${parts.length}`]
}
