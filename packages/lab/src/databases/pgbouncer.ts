import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findPort } from '../ports.ts'
import { openWorkspace, type Workspace } from '../workspace.ts'
import type { DatabaseNode } from './cluster.ts'
import { type DebianPackage, findDebianPackage } from './debian.ts'
import { postgresIdentity } from './postgres-binaries.ts'

const startTimeoutMs = 10_000

/** How a pooler is laid out. */
export interface PgbouncerOptions {
  /** The server that it leads to. */
  readonly to: Pick<DatabaseNode, 'host' | 'port' | 'url'>
  /** For how long a client has a connection to the server: as long as its own, or for each transaction anew. */
  readonly mode: 'session' | 'transaction'
  /** More of `pgbouncer.ini`'s section `[pgbouncer]`. */
  readonly settings?: Readonly<Record<string, string | number>>
}

/** A PgBouncer that runs on 127.0.0.1 ahead of one Postgres server. */
export interface Pgbouncer extends AsyncDisposable {
  readonly port: number
  /** Where an application connects: the same user and database, by way of the pooler. */
  readonly url: string
  dispose(): Promise<void>
}

/**
 * Starts the real PgBouncer ahead of a Postgres server, from Debian's package, fetched once with apt into the user's cache, without
 * root. It and its files are gone when it is disposed of or this process ends, in whatever way.
 *
 * @throws Error that says why, where it cannot be had for this machine
 * @example
 * await using pooler = await startPgbouncer({ to: cluster.primary, mode: 'transaction' })
 */
export async function startPgbouncer(options: PgbouncerOptions): Promise<Pgbouncer> {
  const files = await findDebianPackage('pgbouncer')
  const workspace = await openWorkspace()
  try {
    const giveUpAt = Date.now() + startTimeoutMs
    for (;;) {
      const port = await findPort()
      const trouble = await launch(files, workspace, port, options, giveUpAt)
      if (trouble === undefined) return new Running(options.to.url, port, workspace)
      // Another process may have taken the port.
      if (!/in use/.test(trouble) || Date.now() > giveUpAt) throw new Error(`PgBouncer did not start:\n${trouble}`)
    }
  } catch (error) {
    await workspace.dispose()
    throw error
  }
}

/** Why `startPgbouncer` cannot work here, for tests that are then to be skipped, with the reason; undefined where it can. */
export async function whyNoPgbouncer(): Promise<string | undefined> {
  return findDebianPackage('pgbouncer').then(
    () => undefined,
    (error: Error) => error.message,
  )
}

class Running implements Pgbouncer {
  readonly port: number
  readonly url: string
  readonly #workspace: Workspace

  constructor(serverUrl: string, port: number, workspace: Workspace) {
    this.port = port
    this.#workspace = workspace
    const url = new URL(serverUrl)
    url.port = String(port)
    this.url = url.href
  }

  dispose(): Promise<void> {
    return this.#workspace.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

/** One attempt. Returns undefined when it accepts connections, else what it said last. */
async function launch(
  files: DebianPackage,
  workspace: Workspace,
  port: number,
  options: PgbouncerOptions,
  giveUpAt: number,
): Promise<string | undefined> {
  const log = join(workspace.path, 'pgbouncer.log')
  // It refuses to run as root, as Postgres does.
  const identity = postgresIdentity()
  const give = async (name: string, text: string): Promise<string> => {
    const path = join(workspace.path, name)
    await writeFile(path, text, { mode: 0o600 })
    if (identity.uid !== undefined && identity.gid !== undefined) await chown(path, identity.uid, identity.gid)
    return path
  }
  await give('pgbouncer.log', '')
  const { username, password } = new URL(options.to.url)
  const users = await give('users.txt', `"${username}" "${password}"\n`)
  const file = await give('pgbouncer.ini', configuration(options, { port, users, log }))
  const [program, ...args] = files.command('usr/sbin/pgbouncer')
  const child = spawn(program, [...args, '--quiet', file], { ...identity, stdio: 'ignore', detached: true })
  workspace.adopt(child)
  child.unref()
  const end = once(child, 'exit').then(
    () => undefined,
    (error: Error) => error.message,
  )
  while (isRunning(child)) {
    if (await accepts(port)) return undefined
    if (Date.now() > giveUpAt) break
    await sleep(10)
  }
  const said = (await readFile(log, 'utf8')).slice(-2_000)
  return isRunning(child) ? `It does not answer.\n${said}` : ((await end) ?? said)
}

function configuration(
  { to, mode, settings }: PgbouncerOptions,
  { port, users, log }: { port: number; users: string; log: string },
): string {
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    logfile: log,
    pool_mode: mode,
    max_client_conn: 500,
    // A server that was away is found again at once.
    server_login_retry: 0.1,
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  return ['[databases]', `* = host=${to.host} port=${to.port}`, '[pgbouncer]', ...lines, ''].join('\n')
}

function isRunning({ exitCode, signalCode, pid }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const over = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', over(true))
    socket.once('error', over(false))
  })
}
