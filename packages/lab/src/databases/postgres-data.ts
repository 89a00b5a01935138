import { existsSync } from 'node:fs'
import { appendFile, chmod, chown, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { PostgresBinaries } from './postgres-binaries.ts'
import type { Passwords } from './postgres-passwords.ts'
import { makeData } from './postgres-template.ts'
import { run } from './run.ts'

type Settings = Readonly<Record<string, string | number>>

/** The data directory of one Postgres server, while that does not run. */
export class PostgresData {
  readonly path: string
  readonly #binaries: PostgresBinaries

  constructor(path: string, binaries: PostgresBinaries) {
    this.path = path
    this.#binaries = binaries
  }

  /**
   * Makes an empty database cluster with the user and the database `app`, or takes the one that is there.
   * @param elsewhere folder with, or for, a database cluster that outlives this directory
   */
  async initialize(passwords: Passwords, settings: Settings, elsewhere?: string): Promise<void> {
    await this.#makeFolder(elsewhere)
    if (existsSync(join(this.path, 'PG_VERSION'))) return
    await makeData(this.path, this.#binaries)
    await appendFile(join(this.path, 'postgresql.conf'), configuration({ ...defaults, ...settings }))
    const users = { postgres: passwords.admin, app: passwords.app }
    const input = Object.entries(users).map(
      ([user, password]) => `ALTER ROLE ${user} PASSWORD ${pg.escapeLiteral(password)};\n`,
    )
    await run(this.#binaries.postgres, ['--single', '-D', this.path, 'postgres'], {
      ...this.#binaries.identity,
      input: input.join(''),
    })
  }

  /** Makes this a copy of the data of a server that has not been started yet. */
  async copyOf(other: PostgresData): Promise<void> {
    await this.#makeFolder()
    await run('cp', ['-R', `${other.path}/.`, this.path], this.#binaries.identity)
  }

  /**
   * Makes this a copy of the data of a running server, by the low-level backup protocol of Postgres.
   * @param adminUrl of that server
   */
  async backupOf(other: PostgresData, adminUrl: string): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
    await this.#makeFolder()
    const backup = new pg.Client({ connectionString: adminUrl })
    await backup.connect()
    try {
      await backup.query("SELECT pg_backup_start('copy', true)")
      // Files vanish under a running server while they are copied; the log puts that right, so it does not matter to cp either.
      await run('cp', ['-R', `${other.path}/.`, this.path], { ...this.#binaries.identity, tolerant: true })
      const { rows } = await backup.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)')
      await this.#write(join(this.path, 'backup_label'), rows[0]?.labelfile ?? '')
    } finally {
      await backup.end()
    }
    const notOurs = ['postmaster.pid', 'postmaster.opts', 'standby.signal']
    await Promise.all(notOurs.map(async (file) => rm(join(this.path, file), { force: true })))
  }

  /** Makes the server a hot standby at its next start. */
  async standby(connection: string): Promise<void> {
    await this.#write(join(this.path, 'standby.signal'), '')
    await this.#write(join(this.path, 'postgresql.auto.conf'), configuration({ primary_conninfo: connection }))
  }

  async #makeFolder(elsewhere?: string): Promise<void> {
    if (elsewhere === undefined) await mkdir(this.path)
    else {
      await mkdir(elsewhere, { recursive: true })
      await symlink(elsewhere, this.path)
    }
    await this.#give(this.path)
    await chmod(this.path, 0o700)
  }

  async #write(path: string, text: string): Promise<void> {
    await writeFile(path, text, { mode: 0o600 })
    await this.#give(path)
  }

  async #give(path: string): Promise<void> {
    const { uid, gid } = this.#binaries.identity
    if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
  }
}

const defaults: Settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // Nothing here outlives a power cut, and nothing is to be left in /dev/shm.
  fsync: 'off',
  dynamic_shared_memory_type: 'mmap',
  shared_buffers: '32MB',
  // A standby that was away finds what it missed without a slot that would have to be managed.
  wal_keep_size: '1GB',
  wal_retrieve_retry_interval: '50ms',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

function configuration(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('')
}
