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

/** What one request has shown. */
export interface Lesson {
  readonly crossings: number
  /** A replay would have been cheaper. */
  readonly isDear: boolean
  /** It has come to a write, or may have. */
  readonly writes: boolean
}

/** What requests of one kind have needed, and how they were served since that was learned. */
export class Habit {
  /** Exponential mean of the crossings. */
  crossings: number
  at: number
  /** One of them has come to a write, or may have. */
  writes = false
  /** How many were replayed since a replay was learned to be cheaper, and since one was last tried where it is. */
  #replays = 0
  #untried = 0

  constructor(crossings: number, at: number) {
    this.crossings = crossings
    this.at = at
  }

  /** Whether it is time to try one where it is: what is known may have changed, and a replay does not show it. */
  get isOnTrial(): boolean {
    return this.#untried >= Math.min(mostReplays, Math.max(fewestReplays, this.#replays / growth))
  }

  /** One is replayed ahead of its handler. */
  replays(): void {
    this.#replays++
    this.#untried++
  }

  /** One is tried where it is: others meanwhile are not. */
  tries(): void {
    this.#untried = 0
  }

  learns({ crossings, isDear, writes }: Lesson, now: number): this {
    this.writes ||= writes
    this.crossings += (crossings - this.crossings) * weight
    this.at = now
    // One that is cheap here again is tried again at once, until the mean says so too.
    this.#untried = isDear ? 0 : mostReplays
    if (!isDear) this.#replays = 0
    return this
  }
}

/**
 * How many crossings the routes of an app need, by what their requests have needed: of each method and path, with the parts taken
 * out that change from thing to thing. A path that is new (slugs differ in letters alone) is taken for one like the others of the
 * same beginning and length. Bounded, below 1 MB, whatever paths clients think of.
 */
export class RouteTable {
  readonly #routes: Map<string, Habit> = new Map()
  readonly #groups: Map<string, Habit> = new Map()

  /**
   * What is known of a request before its handler runs; undefined where that is nothing.
   *
   * @param path with its query or without
   */
  find(method: string, path: string, now: number = Date.now()): Habit | undefined {
    const route = routeOf(method, path)
    return current(this.#routes, route, now) ?? current(this.#groups, groupOf(route), now)
  }

  /** A request has ended, or come to where it was replayed. */
  learn(method: string, path: string, lesson: Lesson, now: number = Date.now()): void {
    const route = routeOf(method, path)
    for (const [habits, key, most] of [
      [this.#routes, route, mostRoutes],
      [this.#groups, groupOf(route), mostGroups],
    ] as const) {
      const habit = (current(habits, key, now) ?? new Habit(lesson.crossings, now)).learns(lesson, now)
      habits.delete(key)
      habits.set(key, habit)
      const [oldest] = habits.keys()
      if (habits.size > most && oldest !== undefined) habits.delete(oldest)
    }
  }
}

function current(habits: Map<string, Habit>, key: string, now: number): Habit | undefined {
  const habit = habits.get(key)
  return habit !== undefined && now - habit.at < forgottenMs ? habit : undefined
}

/** Method and path, without the parts that change from thing to thing: `GET /posts/:`. */
export function routeOf(method: string, path: string): string {
  const end = path.search(/[?#]/)
  const plain = path.slice(0, Math.min(end === -1 ? path.length : end, longestPath))
  // Nothing that changes is without one.
  if (!/\d/.test(plain)) return `${method} ${plain}`
  const parts = plain.split('/').map((part) => (changing.test(part) ? ':' : part))
  return `${method} ${parts.join('/')}`
}

/** Routes of the same beginning and length. */
export function groupOf(route: string): string {
  const [start = '', first = '', ...others] = route.split('/')
  return `${start}${others.length > 0 ? first : ''} ${others.length}`
}
