import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Pgbouncer,
  type PostgresCluster,
  type PostgresNode,
  startPgbouncer,
  startPostgres,
} from '@flyroute/testkit'
import type { ConformanceCluster, ConformanceNode } from '@flyroute/testkit/conformance'
import pg from 'pg'

/** A node that applications reach through a pooler; its administrator does not. */
class PooledNode implements ConformanceNode {
  readonly node: PostgresNode
  readonly #pooler: Pgbouncer

  constructor(node: PostgresNode, pooler: Pgbouncer) {
    this.node = node
    this.#pooler = pooler
  }

  get url(): string {
    return this.#pooler.url
  }

  get port(): number {
    return this.#pooler.port
  }

  query<Row extends object>(sql: string): Promise<Row[]> {
    return this.node.query(sql) as Promise<Row[]>
  }

  pauseReplay = (): Promise<void> => this.node.pauseReplay()
  resumeReplay = (): Promise<void> => this.node.resumeReplay()
  promote = (): Promise<void> => this.node.promote()
  kill = (): Promise<void> => this.node.kill()
  stop = (mode?: 'fast' | 'immediate'): Promise<void> => this.node.stop(mode)
  start = async (): Promise<void> => {
    await this.node.start()
    // For a moment the pooler remembers that its server was gone.
    while (!(await this.#answers())) await sleep(20)
  }
  pauseProcess = (): void => this.node.pauseProcess()
  resumeProcess = (): void => this.node.resumeProcess()

  async #answers(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.url })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('select 1')
      return true
    } catch {
      return false
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  dispose(): Promise<void> {
    return this.#pooler.dispose()
  }
}

/** A primary and a replica, each behind a PgBouncer of its own. */
export class PooledCluster implements ConformanceCluster {
  readonly cluster: PostgresCluster
  readonly primary: PooledNode
  readonly replicas: readonly PooledNode[]

  static async start(mode: 'session' | 'transaction'): Promise<PooledCluster> {
    const cluster = await startPostgres({ replicas: 1 })
    // As it comes, a client waits for two minutes for a server that is gone, and meets the same connection to it as a rule.
    const settings = { query_wait_timeout: 3, server_round_robin: 1 }
    const nodes = cluster.nodes.map(async (to) => new PooledNode(to, await startPgbouncer({ to, mode, settings })))
    return new PooledCluster(cluster, await Promise.all(nodes))
  }

  private constructor(cluster: PostgresCluster, [primary, ...replicas]: PooledNode[]) {
    this.cluster = cluster
    this.primary = primary as PooledNode
    this.replicas = replicas
  }

  /** The same in SQL: the port by which the server that answers is reached. */
  get reachedBy(): string {
    const cases = [this.primary, ...this.replicas].map(({ node, port }) => `when ${node.port} then ${port}`)
    return `case current_setting('port')::int ${cases.join(' ')} end`
  }

  caughtUp(timeoutMs?: number): Promise<void> {
    return this.cluster.caughtUp(timeoutMs)
  }

  async dispose(): Promise<void> {
    await Promise.all([this.primary, ...this.replicas].map((node) => node.dispose()))
    await this.cluster.dispose()
  }
}
