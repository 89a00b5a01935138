import { groupOf, routeOf } from '../policy/route-table.ts'
import { Durations } from './durations.ts'

/** So many routes are told apart at most, and so many of those that look alike: the others of these are one. Below 1 MB in all. */
const [mostRoutes, mostAlike] = [400, 20] as const
/** So many causes are told apart at a route. */
const mostCauses = 8

/** What the requests of one route have done. */
export interface RouteReport {
  /** Method and path, without the parts that change from thing to thing: `GET /posts/:`. */
  readonly route: string
  /** Answered by this process: what is replayed from here is counted where it was answered. */
  readonly requests: number
  /** Those of them that another region would replay. */
  readonly primary: number
  /** Those of `primary` that the rules of the middleware have replayed, whatever their handlers do. */
  readonly ahead: number
  /** Those of `ahead` that have only read. */
  readonly needless: number
  readonly statements: number
  readonly reads: number
  readonly writes: number
  /** How often they have waited for the database: what is sent together is waited for once. */
  readonly crossings: number
  /** Those of `crossings` that go to the primary from any region: inside `runOnPrimary`. */
  readonly primaryCrossings: number
  /** Time with a statement under way, in all. */
  readonly databaseMs: number
  /** Time ahead of the first write of those that would be replayed for it, in all: a replay does that once more. */
  readonly untilWriteMs: number
  /** Why they need the primary (`update post`, `serializable`), and in how many requests. */
  readonly causes: Readonly<Record<string, number>>
  /** How long those took that any region would serve, and the others: about so many ms, and how many requests. */
  readonly localMs: readonly (readonly [ms: number, requests: number])[]
  readonly primaryMs: readonly (readonly [ms: number, requests: number])[]
}

/** The same of all routes, as a process hands it over. */
export interface TrafficReport {
  readonly version: 1
  readonly pid: number
  /** Where the process runs, and where its primary is; undefined off Fly. */
  readonly region?: string | undefined
  readonly primaryRegion?: string | undefined
  /** Epoch ms: since when it has counted, and until when. */
  readonly since: number
  readonly until: number
  readonly routes: readonly RouteReport[]
}

/** One route, while it is counted: as JSON it is a `RouteReport`. */
export class RouteTraffic {
  readonly route: string
  requests = 0
  primary = 0
  ahead = 0
  needless = 0
  statements = 0
  reads = 0
  writes = 0
  crossings = 0
  primaryCrossings = 0
  databaseMs = 0
  untilWriteMs = 0
  readonly causes: Record<string, number> = Object.create(null)
  readonly localMs: Durations = new Durations()
  readonly primaryMs: Durations = new Durations()

  constructor(route: string) {
    this.route = route
  }

  /** One request more has needed the primary for this. */
  needs(cause: string): void {
    const known = this.causes[cause]
    if (known !== undefined || Object.keys(this.causes).length < mostCauses) this.causes[cause] = (known ?? 0) + 1
  }
}

/** What the requests of an app do, by route: what `flyroute advise` goes by. */
export class Traffic {
  readonly #routes: Map<string, RouteTraffic> = new Map()
  /** How many routes of each group are told apart. */
  readonly #alike: Map<string, number> = new Map()
  readonly #since: number = Date.now()
  requests = 0
  /** Those of them that another region would replay. */
  primary = 0

  /** @param path with its query or without */
  of(method: string, path: string): RouteTraffic {
    const route = routeOf(method, path)
    const known = this.#routes.get(route)
    if (known !== undefined) return known
    const group = groupOf(route)
    const alike = this.#alike.get(group) ?? 0
    if (this.#routes.size >= mostRoutes) return this.#others(`${method} *`)
    // Slugs: they differ in letters alone.
    if (alike >= mostAlike) return this.#others(likeness(route))
    this.#alike.set(group, alike + 1)
    return this.#others(route)
  }

  #others(route: string): RouteTraffic {
    const traffic = this.#routes.get(route) ?? new RouteTraffic(route)
    this.#routes.set(route, traffic)
    return traffic
  }

  toJSON(): Pick<TrafficReport, 'version' | 'since' | 'until'> & { routes: RouteTraffic[] } {
    return { version: 1, since: this.#since, until: Date.now(), routes: [...this.#routes.values()] }
  }
}

/** `GET /posts/hello-world` → `GET /posts/*` */
function likeness(route: string): string {
  const [method = '', path = ''] = route.split(' ')
  const parts = path.split('/')
  const first = parts.length > 2 ? 2 : 1
  return `${method} ${parts.map((part, at) => (at < first ? part : '*')).join('/')}`
}
