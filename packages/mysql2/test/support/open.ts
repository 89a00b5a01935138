import { createPool, type FlyroutePool, type FlyroutePoolOptions } from '@flyroute/mysql2/promise'
import type { MysqlCluster, MysqlNode } from '@flyroute/testkit'
import { afterAll, afterEach, beforeAll } from '@jest/globals'

/** One cluster for a file, and pools that end with their test. */
export class Bench {
  #cluster: MysqlCluster | undefined
  readonly #ends: (() => Promise<unknown>)[] = []

  /** @param setUp statements for the primary, as its administrator */
  constructor(start: () => Promise<MysqlCluster>, setUp: readonly string[]) {
    beforeAll(async () => {
      this.#cluster = await start()
      for (const sql of setUp) await this.cluster.primary.query(sql)
      await this.cluster.caughtUp()
    }, 120_000)
    afterEach(() => this.endAll())
    afterAll(() => this.#cluster?.dispose())
  }

  get cluster(): MysqlCluster {
    if (this.#cluster === undefined) throw new Error('The cluster has not started')
    return this.#cluster
  }

  get primary(): MysqlNode {
    return this.cluster.primary
  }

  get replica(): MysqlNode {
    const [replica] = this.cluster.replicas
    if (replica === undefined) throw new Error('There is no replica')
    return replica
  }

  /** The variables of a machine in the replica's region. */
  get env(): Record<string, string> {
    return {
      FLY_REGION: 'ams',
      PRIMARY_REGION: 'ord',
      DATABASE_URL: this.primary.url,
      DATABASE_URL_AMS: this.replica.url,
    }
  }

  /** A pool as a machine in the replica's region opens it. */
  far(options: FlyroutePoolOptions = {}): FlyroutePool {
    const pool = createPool({ env: this.env, ...options })
    this.onEnd(() => pool.end())
    return pool
  }

  /** A pool as a machine in the primary's region opens it. */
  near(options: FlyroutePoolOptions = {}): FlyroutePool {
    return this.far({ env: { ...this.env, FLY_REGION: 'ord' }, ...options })
  }

  /** Done when the test is over. */
  onEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end)
  }

  /** Ends what the test has opened. */
  async endAll(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}
