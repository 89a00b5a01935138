import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseNode } from './cluster.ts'
import { query } from './mysql-client.ts'
import { literal, type MysqlFlavour, type MysqlReplicaStatus, type MysqlSettings } from './mysql-family.ts'
import type { MysqlServer } from './mysql-server.ts'

/** What the nodes of one cluster have in common. */
export interface MysqlContext {
  readonly flavour: MysqlFlavour
  readonly route: (from: string, to: DatabaseNode) => number | Promise<number>
  readonly promoted: (node: MysqlNode) => void
  /** A number that no server of the cluster has had. */
  readonly newServerId: () => number
}

/**
 * One MariaDB or MySQL server. As a replica it is `read_only`, unless its settings say otherwise: then, or for the administrator
 * of `adminUrl`, it accepts writes that no other node hears of.
 */
export class MysqlNode implements DatabaseNode {
  readonly name: string
  readonly kind: 'mariadb' | 'mysql'
  readonly #server: MysqlServer
  readonly #context: MysqlContext
  #settings: MysqlSettings
  #role: 'primary' | 'replica' = 'primary'
  #isPaused = false
  #isConfirming = false
  #serverId = 0

  constructor(name: string, server: MysqlServer, settings: MysqlSettings, context: MysqlContext) {
    this.name = name
    this.kind = context.flavour.kind
    this.#server = server
    this.#settings = settings
    this.#context = context
  }

  get host(): string {
    return this.#server.host
  }

  get port(): number {
    return this.#server.port
  }

  get url(): string {
    return this.#server.url
  }

  get adminUrl(): string {
    return this.#server.adminUrl
  }

  get isRunning(): boolean {
    return this.#server.isRunning
  }

  get role(): 'primary' | 'replica' {
    return this.#role
  }

  /** Runs one statement as the administrator. */
  async query<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    if (!this.isRunning) throw new Error(`${this.name} is not running.`)
    return query<Row>(this.adminUrl, sql, values)
  }

  /** The GTIDs that were committed here: `0-1-5` on MariaDB, `<uuid>:1-5` on MySQL. */
  async position(): Promise<string> {
    return this.#scalar<string>(`SELECT ${this.#context.flavour.position}`)
  }

  /** Whether the position was reached in time. */
  async reaches(position: string, timeoutMs: number): Promise<boolean> {
    // A wait of 0 seconds would be one for ever on MySQL.
    const seconds = Math.max(timeoutMs, 1) / 1_000
    return (await this.#scalar<number | null>(this.#context.flavour.waitFor, [position, seconds])) === 0
  }

  /** Why a replica does not get on, where it knows. */
  async obstacle(): Promise<string | undefined> {
    if (this.#isPaused) return 'its replay is paused'
    return (await this.#status()).error || undefined
  }

  /**
   * Empties the node and starts it; as a replica of `primary`, once that is `ready`, where one is given. One that others know of
   * already comes back to its port when it has its data: before that it would answer them that there are no tables.
   */
  async create(primary?: DatabaseNode, ready?: Promise<void>): Promise<void> {
    this.#role = primary ? 'replica' : 'primary'
    if (!this.#server.isOurs) return // it is what it is
    // A server takes nothing of what bears its own number: a former primary would not get its old transactions back.
    this.#serverId = this.#context.newServerId()
    const isAside = primary !== undefined && this.port !== 0
    await this.#server.kill()
    await this.#server.reset()
    await this.#start(isAside)
    await ready
    if (primary === undefined) return
    await this.#replicateFrom(primary)
    if (!isAside) return
    const [row] = await query<{ at: string }>(primary.adminUrl, `SELECT ${this.#context.flavour.position} AS at`)
    if (!(await this.reaches(row?.at ?? '', 10_000))) throw new Error(`${this.name} did not get its primary's data.`)
    await this.stop()
    await this.start()
    await this.#connected()
  }

  async start(): Promise<void> {
    await this.#start(false)
  }

  async #start(isAside: boolean): Promise<void> {
    if (this.isRunning) return
    this.#isPaused = false // a server that starts also goes on replicating, and confirms nothing
    this.#isConfirming = false
    const readOnly = this.#role === 'replica' ? 'ON' : 'OFF'
    await this.#server.start({ server_id: this.#serverId, read_only: readOnly, ...this.#settings }, isAside)
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await (mode === 'fast' ? this.#server.stop() : this.#server.kill())
  }

  async kill(): Promise<void> {
    await this.#server.kill()
  }

  pauseProcess(): void {
    this.#server.signal('SIGSTOP')
  }

  resumeProcess(): void {
    this.#server.signal('SIGCONT')
  }

  /** Ends with a restart, after which a replica replays again. */
  async pauseReplay(): Promise<void> {
    await this.query('STOP REPLICA SQL_THREAD')
    this.#isPaused = true
  }

  async resumeReplay(): Promise<void> {
    await this.query('START REPLICA SQL_THREAD')
    this.#isPaused = false
  }

  /** These servers count whole seconds: the delay is rounded up to them, and may last one more. */
  async setApplyDelay(milliseconds: number): Promise<void> {
    await this.query('STOP REPLICA')
    await this.query(this.#context.flavour.delay(Math.ceil(milliseconds / 1_000)))
    await this.#replicate()
  }

  /** What has arrived is applied first; a delay of the replica's is waited for. */
  async promote(timeoutMs = 30_000): Promise<void> {
    this.#assertOurs()
    // In this order: where both threads stand still, MariaDB throws away what it has received.
    if (this.#isPaused) await this.resumeReplay()
    await this.query('STOP REPLICA IO_THREAD')
    const { received } = await this.#status()
    if (received && !(await this.reaches(received, timeoutMs)))
      throw new Error(`${this.name} has received ${received} and did not apply it in ${timeoutMs} ms.`)
    await this.query('STOP REPLICA')
    await this.query('RESET REPLICA ALL')
    this.#role = 'primary'
    const { read_only: _, super_read_only: __, ...settings } = this.#settings
    this.#settings = settings
    await this.query('SET GLOBAL read_only = OFF') // and super_read_only with it
    this.#context.promoted(this)
  }

  async follow(primary: DatabaseNode): Promise<void> {
    this.#assertOurs()
    if (this.#role === 'primary') return this.create(primary)
    await this.start()
    await this.query('STOP REPLICA')
    await this.#replicateFrom(primary)
  }

  async #replicateFrom(primary: DatabaseNode): Promise<void> {
    const { username: user, password, hostname: host } = new URL(primary.adminUrl)
    const port = await this.#context.route(this.name, primary)
    await this.query(this.#context.flavour.follow({ host, port, user, password: decodeURIComponent(password) }))
    await this.#replicate()
    await this.#connected()
  }

  async #replicate(): Promise<void> {
    await this.query(this.#isPaused ? 'START REPLICA IO_THREAD' : 'START REPLICA')
  }

  async #connected(timeoutMs = 10_000): Promise<void> {
    const giveUpAt = Date.now() + timeoutMs
    for (;;) {
      const { receiving, error } = await this.#status()
      if (receiving === 'Yes') return
      if ((receiving === 'No' && error) || Date.now() > giveUpAt)
        throw new Error(`${this.name} does not receive anything from its primary: ${error || 'no answer'}`)
      await sleep(5)
    }
  }

  async #status(): Promise<MysqlReplicaStatus> {
    const [row] = await this.query<Record<string, unknown>>('SHOW REPLICA STATUS')
    if (!row) throw new Error(`${this.name} is not a replica.`)
    return this.#context.flavour.status(row)
  }

  async settings(values: Record<string, string | number | null>): Promise<void> {
    const inForce = await this.#setGlobal(values)
    const before = this.#settings
    this.#settings = changed(before, values)
    if (inForce) return
    await this.stop()
    try {
      await this.start()
    } catch (error) {
      this.#settings = before
      await this.start()
      throw error
    }
  }

  /** Whether all of the settings could be changed in the running server. */
  async #setGlobal(values: Record<string, string | number | null>): Promise<boolean> {
    for (const [name, value] of Object.entries(values)) {
      // Back to what it starts with, which is not what SQL calls the default.
      if (value === null) return false
      try {
        await this.query(`SET GLOBAL ${name} = ${literal(value)}`)
      } catch (error) {
        if ((error as { code?: string }).code === 'ER_UNKNOWN_SYSTEM_VARIABLE') throw error
        return false
      }
    }
    return true
  }

  /** Lets the commits of this primary wait until `count` replicas have received them. */
  async awaitConfirmations(count: number): Promise<void> {
    for (const statement of this.#context.flavour.synchronousPrimary(count)) await this.query(statement)
  }

  /** Whether it confirms what it receives, when a commit of the primary's waits for that. */
  async confirm(confirms: boolean): Promise<void> {
    if (confirms === this.#isConfirming) return
    for (const statement of this.#context.flavour.synchronousReplica(confirms)) await this.query(statement)
    await this.query('STOP REPLICA IO_THREAD')
    await this.query('START REPLICA IO_THREAD')
    await this.#connected()
    this.#isConfirming = confirms
  }

  #assertOurs(): void {
    if (!this.#server.isOurs)
      throw new Error(`${this.name} is a server of your own: the lab leaves its replication as it is.`)
  }

  async #scalar<T>(sql: string, values?: unknown[]): Promise<T> {
    if (!this.isRunning) throw new Error(`${this.name} is not running.`)
    // On a replica that has not caught up, the database may not exist yet.
    const url = new URL(this.adminUrl)
    url.pathname = '/'
    const [row] = await query<Record<string, T>>(url.href, sql, values)
    return Object.values(row ?? {})[0] as T
  }
}

function changed(settings: MysqlSettings, values: Record<string, string | number | null>): MysqlSettings {
  const merged = Object.entries({ ...settings, ...values })
  return Object.fromEntries(merged.filter((entry): entry is [string, string | number] => entry[1] !== null))
}
