import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openWorkspace, type Workspace } from '../workspace.ts'
import type { ClusterOptions, DatabaseCluster } from './cluster.ts'
import { findPostgres } from './postgres-binaries.ts'
import { fetchPostgres, installPostgres } from './postgres-debian.ts'
import { type PostgresContext, PostgresNode } from './postgres-node.ts'
import { keepPasswords, makePasswords } from './postgres-passwords.ts'

/** A Postgres primary and its streaming standbys. */
export interface PostgresCluster extends DatabaseCluster<PostgresNode> {
  readonly kind: 'postgres'
}

/**
 * Starts a Postgres primary and its hot standbys on 127.0.0.1, from the binaries that npm installed; as root or not.
 * The database is called `app`; it belongs to the ordinary user `app`, whose password is made up anew each time. On Linux, the data
 * directory that clusters begin with is made once and kept in the user's cache.
 *
 * With `version`, the server is that of the machine's Debian or Ubuntu release, or where that has none, of Debian unstable or
 * experimental with the C library of its own, fetched once with apt into the user's cache, without root.
 *
 * The servers and their files are gone when the cluster is disposed of or this process ends, in whatever way.
 *
 * @throws Error that says what to install, where there is no Postgres for this platform, or what to do where there is none
 *   of that version
 * @example
 * await using cluster = await startPostgres({ replicas: 2 })
 * await cluster.replicas[0].pauseReplay()
 */
export async function startPostgres(options: ClusterOptions = {}): Promise<PostgresCluster> {
  const workspace = await openWorkspace()
  try {
    const { version } = options
    const binaries =
      version === undefined
        ? await findPostgres()
        : await installPostgres(await fetchPostgres(version), join(workspace.path, '.programs'))
    const passwords = options.data === undefined ? makePasswords() : await keepPasswords(options.data)
    const cluster = new Cluster(workspace, { binaries, passwords, route: options.route ?? ((_, to) => to.port) })
    await cluster.open(options)
    return cluster
  } catch (error) {
    await workspace.dispose()
    throw error
  }
}

/**
 * Why `startPostgres({ version })` cannot work here, for tests that are then to be skipped, with the reason; undefined where it
 * can. Fetches the server where it is not there yet: a version that is not released may be in none of Debian's suites.
 */
export async function whyNoPostgres(version: number): Promise<string | undefined> {
  return fetchPostgres(version).then(
    () => undefined,
    (error: Error) => error.message,
  )
}

class Cluster implements PostgresCluster {
  readonly kind = 'postgres'
  readonly nodes: PostgresNode[] = []
  readonly #workspace: Workspace
  readonly #context: PostgresContext
  #primary: PostgresNode | undefined
  #kept: PostgresNode | undefined

  constructor(workspace: Workspace, context: Omit<PostgresContext, 'workspace' | 'promoted'>) {
    this.#workspace = workspace
    this.#context = { ...context, workspace, promoted: (node) => (this.#primary = node) }
  }

  get primary(): PostgresNode {
    if (!this.#primary) throw new Error('The cluster has no primary yet.')
    return this.#primary
  }

  get replicas(): PostgresNode[] {
    return this.nodes.filter((node) => node.role === 'replica')
  }

  node(name: string): PostgresNode {
    const found = this.nodes.find((node) => node.name === name)
    if (!found)
      throw new RangeError(`No node is called ${name}; there are ${this.nodes.map((node) => node.name).join(', ')}.`)
    return found
  }

  async open({ primary: name, replicas = 0, settings = {}, data }: ClusterOptions): Promise<void> {
    const primary = this.#add(name)
    this.#primary = primary
    const names = typeof replicas === 'number' ? Array.from({ length: replicas }, () => undefined) : replicas
    const standbys = names.map((replica) => this.#add(replica))
    await primary.data.initialize(this.#context.passwords, settings, data && join(data, 'primary'))
    this.#kept = data === undefined ? undefined : primary
    await Promise.all(standbys.map(async (standby) => standby.data.copyOf(primary.data)))
    await primary.start()
    await Promise.all(standbys.map(async (standby) => standby.becomeStandby(primary)))
    await this.caughtUp()
  }

  #add(name = `postgres-${this.nodes.length + 1}`): PostgresNode {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name))
      throw new TypeError(`A node's name is made of a-z, 0-9 and -; not ${JSON.stringify(name)}.`)
    if (this.nodes.some((node) => node.name === name)) throw new TypeError(`Two nodes are called ${name}.`)
    const node = new PostgresNode(name, this.#context)
    this.nodes.push(node)
    return node
  }

  async addReplica(name?: string): Promise<PostgresNode> {
    const standby = this.#add(name)
    await standby.data.backupOf(this.primary.data, this.primary.adminUrl)
    await standby.becomeStandby(this.primary)
    await this.#reached(standby, await this.#position(), 10_000)
    return standby
  }

  async removeReplica(name: string): Promise<void> {
    const node = this.node(name)
    if (node.role === 'primary') throw new TypeError(`${name} is the primary, which cannot be taken away.`)
    this.nodes.splice(this.nodes.indexOf(node), 1)
    await node.kill()
  }

  async caughtUp(timeoutMs = 10_000): Promise<void> {
    const position = await this.#position()
    const running = this.replicas.filter((replica) => replica.isRunning)
    await Promise.all(running.map((replica) => this.#reached(replica, position, timeoutMs)))
  }

  /** How far the primary has committed. A position at a page's edge may lie inside a record, so one more record is put after it. */
  async #position(): Promise<string> {
    const sql = "SELECT pg_current_wal_flush_lsn() AS at, pg_current_wal_flush_lsn() - '0/0' AS bytes"
    const [row] = await this.primary.query<{ at: string; bytes: string }>(sql)
    if (!row) throw new Error('The primary has no position.')
    if (BigInt(row.bytes) % 8192n !== 0n) return row.at
    await this.primary.query("SELECT pg_logical_emit_message(true, 'flyroute-lab', '')")
    return this.#position()
  }

  async #reached(replica: PostgresNode, position: string, timeoutMs: number): Promise<void> {
    const giveUpAt = Date.now() + timeoutMs
    const sql =
      'SELECT pg_last_wal_replay_lsn() AS at, pg_last_wal_replay_lsn() >= $1 AS done, pg_is_wal_replay_paused() AS paused'
    for (;;) {
      const [row] = await replica.query<{ at: string; done: boolean; paused: boolean }>(sql, [position])
      if (row?.done) return
      if (Date.now() > giveUpAt) {
        const pause = row?.paused ? ' (its replay is paused)' : ''
        throw new Error(
          `${replica.name} stands at ${row?.at} and did not reach ${position} in ${timeoutMs} ms${pause}.`,
        )
      }
      await sleep(1)
    }
  }

  async setSynchronous(replicas: readonly string[] | 'none'): Promise<void> {
    const names = replicas === 'none' ? [] : replicas.map((name) => this.node(name).name)
    const value = names.length === 0 ? '' : `FIRST ${names.length} (${names.map((name) => `"${name}"`).join(', ')})`
    await this.primary.settings({ synchronous_standby_names: value })
    const running = names.filter((name) => this.node(name).isRunning)
    const sql = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync' AND application_name = ANY($1)"
    while ((await this.primary.query(sql, [running])).length < running.length) await sleep(1)
  }

  async dispose(): Promise<void> {
    await this.#kept?.stop('fast')
    await this.#workspace.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}
