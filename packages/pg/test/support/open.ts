import { createPool, type FlyroutePool, type FlyroutePoolOptions } from '@flyroute/pg'
import { type PostgresCluster, startPostgres } from '@flyroute/testkit'
import { afterAll, afterEach, beforeAll } from '@jest/globals'
import pg from 'pg'

/** One cluster for a file, and pools that end with their test. */
export class Bench {
  #cluster: PostgresCluster | undefined
  readonly #ends: (() => Promise<unknown>)[] = []

  /** @param setUp statements for the primary, as the application's user */
  constructor(setUp: string, options: Parameters<typeof startPostgres>[0] = { replicas: 1 }) {
    beforeAll(async () => {
      this.#cluster = await startPostgres(options)
      const client = new pg.Client({ connectionString: this.cluster.primary.url })
      await client.connect()
      await client.query(setUp)
      await client.end()
      await this.cluster.caughtUp()
    }, 60_000)
    afterEach(() => this.endAll())
    afterAll(() => this.#cluster?.dispose())
  }

  get cluster(): PostgresCluster {
    if (this.#cluster === undefined) throw new Error('The cluster has not started')
    return this.#cluster
  }

  get replica(): PostgresCluster['primary'] {
    const [replica] = this.cluster.replicas
    if (replica === undefined) throw new Error('There is no replica')
    return replica
  }

  /** The variables of a machine in the replica's region. */
  get env(): Record<string, string> {
    return {
      FLY_REGION: 'ams',
      PRIMARY_REGION: 'ord',
      DATABASE_URL: this.cluster.primary.url,
      DATABASE_URL_AMS: this.replica.url,
    }
  }

  /** A pool as a machine in the replica's region opens it. */
  far(options: FlyroutePoolOptions = {}): FlyroutePool {
    return this.#end(createPool({ env: this.env, ...options }))
  }

  /** A pool as a machine in the primary's region opens it. */
  near(options: FlyroutePoolOptions = {}): FlyroutePool {
    return this.#end(createPool({ env: { ...this.env, FLY_REGION: 'ord' }, ...options }))
  }

  /** The driver's own pool, without us. */
  bare(url: string = this.cluster.primary.url, options: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ connectionString: url, ...options })
    pool.on('error', () => undefined)
    return this.#end(pool)
  }

  /** Ends what the test has opened. */
  async endAll(): Promise<void> {
    const ends = this.#ends.splice(0)
    await Promise.all(ends.map((end) => end()))
  }

  #end<Pool extends pg.Pool>(pool: Pool): Pool {
    this.#ends.push(async () => pool.ending || (await pool.end()))
    return pool
  }
}

/** Waits until the server has told which routines there are: until then a call of one goes to the primary unasked. */
export async function knowsRoutines(pool: pg.Pool, call: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const error = (await pool
      .query(`select ${call} as attempt_${attempt}`)
      .catch((reason: unknown) => reason)) as object
    if ((error as { reason?: unknown }).reason === 'refused') return
    if (attempt === 1_000) throw new Error(`${call} was not refused by the server`, { cause: error })
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
