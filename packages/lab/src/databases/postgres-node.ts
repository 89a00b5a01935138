import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { appendFile, chmod, chown, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { findPort } from '../ports.ts'
import { signalTree } from '../process-tree.ts'
import type { Workspace } from '../workspace.ts'
import type { DatabaseNode } from './cluster.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { run } from './run.ts'

/** What the nodes of one cluster have in common. */
export interface PostgresContext {
  readonly workspace: Workspace
  readonly binaries: PostgresBinaries
  readonly passwords: { readonly admin: string; readonly app: string }
  readonly route: (from: string, to: DatabaseNode) => number | Promise<number>
  readonly promoted: (node: PostgresNode) => void
}

/** One Postgres server, driven by its programs and its own SQL functions. */
export class PostgresNode implements DatabaseNode {
  readonly name: string
  readonly host = '127.0.0.1'
  readonly #context: PostgresContext
  #role: 'primary' | 'replica' = 'primary'
  #port = 0
  #process: ChildProcess | undefined
  #admin: pg.Pool | undefined

  constructor(name: string, context: PostgresContext) {
    this.name = name
    this.#context = context
  }

  get port(): number {
    return this.#port
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
    return this.#process !== undefined
  }

  get #data(): string {
    return join(this.#context.workspace.path, this.name)
  }

  get #log(): string {
    return `${this.#data}.log`
  }

  /**
   * Makes an empty database cluster, without starting it, or takes the one that is there.
   * @param data folder with, or for, a database cluster that outlives this node
   */
  async initialize(settings: Record<string, string | number>, data?: string): Promise<void> {
    const { binaries, passwords, workspace } = this.#context
    await this.#makeFolder(data)
    if (existsSync(join(this.#data, 'PG_VERSION'))) return
    const passwordFile = join(workspace.path, `${this.name}.password`)
    await this.#write(passwordFile, passwords.admin)
    const access = ['--auth=scram-sha-256', '--username=postgres', `--pwfile=${passwordFile}`]
    const rest = ['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions']
    await this.#run(binaries.initdb, [`--pgdata=${this.#data}`, ...access, ...rest])
    await rm(passwordFile)
    await appendFile(join(this.#data, 'postgresql.conf'), configuration({ ...defaults, ...settings }))
    const role = `CREATE ROLE app LOGIN PASSWORD ${pg.escapeLiteral(passwords.app)};`
    const input = `${role}\nCREATE DATABASE app OWNER app;\n`
    await this.#run(binaries.postgres, ['--single', '-D', this.#data, 'postgres'], { input })
  }

  /** Makes this node a copy of one that has not been started yet. */
  async copyOf(stopped: PostgresNode): Promise<void> {
    await this.#makeFolder()
    await this.#run('cp', ['-R', `${stopped.#data}/.`, this.#data])
  }

  /** Makes this node a copy of a running one, by the low-level backup protocol of Postgres. */
  async backupOf(running: PostgresNode): Promise<void> {
    await rm(this.#data, { recursive: true, force: true })
    await this.#makeFolder()
    const backup = new pg.Client({ connectionString: running.adminUrl })
    await backup.connect()
    try {
      await backup.query("SELECT pg_backup_start('copy', true)")
      // Files vanish under a running server while they are copied; the log puts that right, so it does not matter to cp either.
      await this.#run('cp', ['-R', `${running.#data}/.`, this.#data], { tolerant: true })
      const { rows } = await backup.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)')
      await this.#write(join(this.#data, 'backup_label'), rows[0]?.labelfile ?? '')
    } finally {
      await backup.end()
    }
    for (const file of ['postmaster.pid', 'postmaster.opts', 'standby.signal'])
      await rm(join(this.#data, file), { force: true })
  }

  /** Writes, into the files of a node that is not running, whom it replicates from. */
  async standbyOf(primary: DatabaseNode): Promise<void> {
    this.#role = 'replica'
    await this.#write(join(this.#data, 'standby.signal'), '')
    const values = { primary_conninfo: await this.#connectionTo(primary) }
    await this.#write(join(this.#data, 'postgresql.auto.conf'), configuration(values))
  }

  async start(): Promise<void> {
    if (this.isRunning) return
    const giveUpAt = Date.now() + 30_000
    for (;;) {
      const port = this.#port === 0 ? await findPort() : this.#port
      const trouble = await this.#launch(port, giveUpAt)
      if (trouble === undefined) return
      // Somebody else may hold the port, and processes of a killed server the memory, for a moment longer.
      const passing = /could not bind|pre-existing shared memory block/.test(trouble)
      if (!passing || Date.now() > giveUpAt) throw new Error(`${this.name} did not start:\n${trouble}`)
      await sleep(20)
    }
  }

  /** One attempt. Returns undefined when the server answers queries, else the end of its log. */
  async #launch(port: number, giveUpAt: number): Promise<string | undefined> {
    const { binaries, workspace } = this.#context
    await rm(this.#log, { force: true })
    const log = openSync(this.#log, 'a')
    const options = ['-D', this.#data, '-p', String(port), '-c', `cluster_name=${this.name}`]
    const child = spawn(binaries.postgres, options, {
      ...binaries.identity,
      stdio: ['ignore', log, log],
      detached: true,
    })
    closeSync(log)
    workspace.adopt(child)
    child.unref()
    child.once('error', () => {}) // seen as an exit below
    child.once('exit', () => this.#gone(child))
    this.#process = child
    while (this.#process === child) {
      if (await this.#isReady(child.pid)) {
        this.#port = port
        this.#admin = this.#openAdmin()
        return undefined
      }
      if (Date.now() > giveUpAt) await this.kill()
      await sleep(5)
    }
    return (await readFile(this.#log, 'utf8')).slice(-2_000)
  }

  /** The server writes its state into line 8 of its pid file: what pg_ctl waits for, without a connection. */
  async #isReady(pid: number | undefined): Promise<boolean> {
    const lines = await readFile(join(this.#data, 'postmaster.pid'), 'utf8').then(
      (text) => text.split('\n').map((line) => line.trim()),
      () => [],
    )
    return lines[0] === String(pid) && (lines[7] === 'ready' || lines[7] === 'standby')
  }

  #openAdmin(): pg.Pool {
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

  #gone(child: ChildProcess): void {
    if (this.#process !== child) return
    this.#process = undefined
    void this.#admin?.end()
    this.#admin = undefined
  }

  /** Runs one statement as the administrator. */
  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    if (!this.#admin) throw new Error(`${this.name} is not running.`)
    return (await this.#admin.query<Row>(sql, values)).rows
  }

  async kill(): Promise<void> {
    await this.#end((pid) => {
      signalTree(pid, 'SIGSTOP') // so that nothing is forked in between
      signalTree(pid, 'SIGKILL')
    })
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#end((pid) => process.kill(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT'))
  }

  async #end(signal: (pid: number) => void): Promise<void> {
    const child = this.#process
    if (child?.pid === undefined) return
    const exit = once(child, 'exit')
    child.ref()
    signal(child.pid)
    await exit
  }

  pauseProcess(): void {
    if (this.#process?.pid !== undefined) signalTree(this.#process.pid, 'SIGSTOP')
  }

  resumeProcess(): void {
    if (this.#process?.pid !== undefined) signalTree(this.#process.pid, 'SIGCONT')
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
    if (this.#role === 'replica') {
      const values = { primary_conninfo: await this.#connectionTo(primary) }
      if (this.isRunning) await this.settings(values)
      else await this.standbyOf(primary)
      return
    }
    if (!(primary instanceof PostgresNode)) throw new TypeError(`${primary.name} is not a Postgres node.`)
    await this.kill()
    await this.backupOf(primary)
    await this.standbyOf(primary)
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
    const pending = await this.query('SELECT 1 FROM pg_settings WHERE pending_restart AND name = ANY($1)', [
      Object.keys(values),
    ])
    if (pending.length === 0) return
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
    const port = await this.#context.route(this.name, primary)
    const password = this.#context.passwords.admin
    return `host=${primary.host} port=${port} user=postgres password=${password} application_name=${this.name} sslmode=disable`
  }

  async #makeFolder(elsewhere?: string): Promise<void> {
    if (elsewhere === undefined) await mkdir(this.#data)
    else {
      await mkdir(elsewhere, { recursive: true })
      await symlink(elsewhere, this.#data)
    }
    await this.#give(this.#data)
    await chmod(this.#data, 0o700)
  }

  async #write(path: string, text: string): Promise<void> {
    await writeFile(path, text, { mode: 0o600 })
    await this.#give(path)
  }

  async #give(path: string): Promise<void> {
    const { uid, gid } = this.#context.binaries.identity
    if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
  }

  async #run(program: string, args: string[], options?: { tolerant?: boolean; input?: string }): Promise<void> {
    await run(program, args, { ...this.#context.binaries.identity, ...options })
  }
}

const defaults: Record<string, string | number> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // Nothing here outlives a power cut, and nothing is to stay behind in /dev/shm.
  fsync: 'off',
  dynamic_shared_memory_type: 'mmap',
  shared_buffers: '32MB',
  // A standby that was away finds what it missed without a slot that somebody must manage.
  wal_keep_size: '1GB',
  wal_retrieve_retry_interval: '50ms',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

function configuration(settings: Record<string, string | number>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('')
}
