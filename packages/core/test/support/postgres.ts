import { createServer, type RequestListener } from 'node:http'
import { type PostgresCluster, type PostgresNode, startPostgres } from '@flyroute/lab/databases'
import { afterAll, beforeAll } from '@jest/globals'
// By path: an adapter depends on core, so core cannot name it among its own dependencies.
import { createPool, type FlyroutePool, type FlyroutePoolOptions } from '../../../pg/src/index.ts'
import { type Answer, type Listening, listen, request } from './http.ts'

/** Where a machine runs: `ord` with the primary, `ams` with the replica. */
export type Region = 'ord' | 'ams'

/** One real cluster for a test file: a primary in `ord`, a replica in `ams`. */
export class Regions {
  #cluster: PostgresCluster | undefined
  readonly #options: FlyroutePoolOptions

  /** @param options of all pools */
  constructor(setUp: string, options: FlyroutePoolOptions = {}) {
    this.#options = options
    beforeAll(async () => {
      this.#cluster = await startPostgres({ replicas: 1 })
      await this.primary.query(setUp)
      await this.primary.query('grant all on all tables in schema public to public')
      await this.primary.query('grant all on all sequences in schema public to public')
      await this.cluster.caughtUp()
    }, 60_000)
    afterAll(() => this.#cluster?.dispose())
  }

  get cluster(): PostgresCluster {
    if (this.#cluster === undefined) throw new Error('The cluster has not started')
    return this.#cluster
  }

  get primary(): PostgresNode {
    return this.cluster.primary
  }

  get replica(): PostgresNode {
    return this.cluster.replicas[0] as PostgresNode
  }

  /** A pool as a machine in the region opens it; it ends with its block. */
  pool(region: Region, options: FlyroutePoolOptions = {}): FlyroutePool & AsyncDisposable {
    const env = {
      FLY_REGION: region,
      PRIMARY_REGION: 'ord',
      DATABASE_URL: this.primary.url,
      DATABASE_URL_AMS: this.replica.url,
    }
    const pool = createPool({ env, ...this.#options, ...options })
    return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() })
  }

  /** The app as it runs in both regions, behind what Fly Proxy does with a replay. */
  async serve(
    app: (pool: FlyroutePool, region: Region) => RequestListener,
    options: FlyroutePoolOptions = {},
  ): Promise<Fly> {
    const machines = await Promise.all(
      (['ord', 'ams'] as const).map(async (region) => {
        const pool = this.pool(region, options)
        return { region, pool, server: await listen(createServer(app(pool, region))) }
      }),
    )
    return new Fly(machines)
  }
}

interface Machine {
  readonly region: Region
  readonly pool: FlyroutePool
  readonly server: Listening
}

/** Where an answer came from, and how many times it was replayed. */
export interface FlyAnswer extends Answer {
  readonly region: Region
  readonly replays: readonly string[]
}

/** As much of Fly Proxy as these tests need: it takes a request to a region, and on to where the answer says. */
export class Fly implements AsyncDisposable {
  readonly #machines: readonly Machine[]

  constructor(machines: readonly Machine[]) {
    this.#machines = machines
  }

  pool(region: Region): FlyroutePool {
    return this.#machine(region).pool
  }

  port(region: Region): number {
    return this.#machine(region).server.port
  }

  async send(
    region: Region,
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = '',
  ): Promise<FlyAnswer> {
    const replays: string[] = []
    let current = region
    let sent = headers
    for (;;) {
      const answer = await request(this.port(current), method, path, sent, body)
      const [replay] = answer.header('fly-replay')
      const [, target, state] = /^region=(\w+);state=([^;]*)/.exec(replay ?? '') ?? []
      if (target === undefined || replays.length > 9) return { ...answer, region: current, replays }
      replays.push(state ?? '')
      sent = { ...headers, 'fly-replay-src': `instance=1;region=${current};t=1;state=${state}` }
      current = target as Region
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pool, server } of this.#machines) {
      await server[Symbol.asyncDispose]()
      await pool.end()
    }
  }

  #machine(region: Region): Machine {
    return this.#machines.find((one) => one.region === region) as Machine
  }
}

/** The token cookie of an answer, as a browser sends it back. */
export function cookieOf(answer: Answer): Record<string, string> {
  const cookie = answer.header('set-cookie').find((line) => line.startsWith('flyroute='))
  return cookie === undefined ? {} : { cookie: cookie.split(';')[0] as string }
}
