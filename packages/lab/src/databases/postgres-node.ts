import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Workspace } from '../workspace.ts'
import type { DatabaseNode } from './cluster.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { PostgresData } from './postgres-data.ts'
import type { Passwords } from './postgres-passwords.ts'
import { PostgresServer } from './postgres-server.ts'

/** What the nodes of one cluster have in common. */
export interface PostgresContext {
  readonly workspace: Workspace
  readonly binaries: PostgresBinaries
  readonly passwords: Passwords
  readonly route: (from: string, to: DatabaseNode) => number | Promise<number>
  readonly promoted: (node: PostgresNode) => void
}

/** One Postgres server of a cluster: its data, its processes, and what it is told by SQL. */
export class PostgresNode implements DatabaseNode {
  readonly name: string
  readonly host = '127.0.0.1'
  /** @internal */
  readonly data: PostgresData
  readonly #context: PostgresContext
  readonly #server: PostgresServer
  #role: 'primary' | 'replica' = 'primary'
  #admin: pg.Pool | undefined

  /** @internal */
  constructor(name: string, context: PostgresContext) {
    const { workspace, binaries } = context
    this.name = name
    this.#context = context
    this.data = new PostgresData(join(workspace.path, name), binaries)
    this.#server = new PostgresServer(name, this.data, workspace, binaries, () => this.#disconnect())
  }

  get port(): number {
    return this.#server.port
  }

  get role(): 'primary' | 'replica' {
    return this.#role
  }

  get url(): string {
    return `postgres://app:${this.#context.passwords.app}@${this.host}:${this.port}/app`
  }

  get adminUrl(): string {
    return `postgres://postgres:${this.#context.passwords.admin}@${this.host}:${this.port}/app`
  }

  get isRunning(): boolean {
    return this.#server.isRunning
  }

  /** Runs one statement as the administrator, in the database `app`. */
  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    if (!this.#admin) throw new Error(`${this.name} is not running.`)
    return (await this.#admin.query<Row>(sql, values)).rows
  }

  async start(): Promise<void> {
    await this.#server.start()
    this.#admin ??= this.#connect()
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#server.stop(mode)
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

  async pauseReplay(): Promise<void> {
    await this.query('SELECT pg_wal_replay_pause()')
    await this.#until("SELECT pg_get_wal_replay_pause_state() = 'paused' AS done")
  }

  async resumeReplay(): Promise<void> {
    await this.query('SELECT pg_wal_replay_resume()')
  }

  async setApplyDelay(milliseconds: number): Promise<void> {
    await this.settings({ recovery_min_apply_delay: `${milliseconds}ms` })
  }

  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(true, 30)')
    this.#role = 'primary'
    this.#context.promoted(this)
  }

  async follow(primary: DatabaseNode): Promise<void> {
    if (!(primary instanceof PostgresNode)) throw new TypeError(`${primary.name} is not a Postgres node.`)
    if (this.#role === 'replica' && this.isRunning) {
      await this.settings({ primary_conninfo: await this.#connectionTo(primary) })
      return
    }
    if (this.#role === 'primary') {
      await this.kill()
      await this.data.backupOf(primary.data, primary.adminUrl)
    }
    await this.becomeStandby(primary)
  }

  /** Starts as a hot standby of a primary, of whose data it has a copy. @internal */
  async becomeStandby(primary: PostgresNode): Promise<void> {
    this.#role = 'replica'
    await this.data.standby(await this.#connectionTo(primary))
    await this.start()
  }

  async settings(values: Record<string, string | number | null>): Promise<void> {
    for (const [name, value] of Object.entries(values)) {
      const identifier = pg.escapeIdentifier(name)
      const change = value === null ? `RESET ${identifier}` : `SET ${identifier} = ${pg.escapeLiteral(String(value))}`
      await this.query(`ALTER SYSTEM ${change}`)
    }
    const [loaded] = await this.query<{ at: string }>('SELECT pg_conf_load_time()::text AS at')
    await this.query('SELECT pg_reload_conf()')
    await this.#until('SELECT pg_conf_load_time() > $1::timestamptz AS done', [loaded?.at])
    const pending = 'SELECT FROM pg_settings WHERE pending_restart AND name = ANY($1)'
    if ((await this.query(pending, [Object.keys(values)])).length === 0) return
    await this.stop('fast')
    await this.start()
  }

  /** Repeats a query, whose column `done` is a boolean, until that is true. */
  async #until(sql: string, values: unknown[] = [], timeoutMs = 10_000): Promise<void> {
    const giveUpAt = Date.now() + timeoutMs
    while (!(await this.query<{ done: boolean }>(sql, values))[0]?.done) {
      if (Date.now() > giveUpAt) throw new Error(`${this.name}: after ${timeoutMs} ms still not true: ${sql}`)
      await sleep(1)
    }
  }

  async #connectionTo(primary: DatabaseNode): Promise<string> {
    const fields = {
      host: primary.host,
      port: await this.#context.route(this.name, primary),
      user: 'postgres',
      password: this.#context.passwords.admin,
      application_name: this.name,
      sslmode: 'disable',
    }
    return Object.entries(fields)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')
  }

  #connect(): pg.Pool {
    const pool = new pg.Pool({
      connectionString: this.adminUrl,
      application_name: 'flyroute-lab',
      max: 2,
      idleTimeoutMillis: 5_000,
      allowExitOnIdle: true,
      query_timeout: 30_000,
    })
    pool.on('error', () => {}) // the server went away: the next query connects anew, or says why it cannot
    return pool
  }

  #disconnect(): void {
    void this.#admin?.end()
    this.#admin = undefined
  }
}
