import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import type { DebianPackage } from './debian.ts'
import { literal, type MysqlFlavour, type MysqlSettings } from './mysql-family.ts'
import { run } from './run.ts'

/** A server program and the data directory that its nodes start from. */
export interface MysqlTemplate {
  /** The server's command and the arguments that tell it where its own files are. */
  readonly command: readonly [file: string, ...args: string[]]
  /** The data directory of a server that has been shut down: the accounts and an empty database `app`, and no GTID. */
  readonly data: string
  readonly passwords: { readonly root: string; readonly app: string }
}

/** Finds the template in the cache, or makes it: about 1 s on MariaDB, 3 s on MySQL. */
export async function findTemplate(flavour: MysqlFlavour, files: DebianPackage): Promise<MysqlTemplate> {
  const command = serverCommand(flavour, files)
  const name = `${flavour.kind}-data-${await recipe(flavour, files)}`
  const folder = await cached(name, (draft) => initialize(flavour, files, command, draft))
  const passwords = JSON.parse(await readFile(join(folder, 'passwords.json'), 'utf8')) as MysqlTemplate['passwords']
  return { command, data: join(folder, 'data'), passwords }
}

function serverCommand(flavour: MysqlFlavour, files: DebianPackage): [string, ...string[]] {
  const prefix = join(files.root, 'usr')
  const places = ['--no-defaults', `--basedir=${prefix}`, `--plugin-dir=${join(prefix, 'lib', 'mysql', 'plugin')}`]
  // Both refuse root unless they are told that it is meant.
  return [...files.command(flavour.program), ...places, ...(process.getuid?.() === 0 ? ['--user=root'] : [])]
}

/** Another server or other steps make another template. */
async function recipe(flavour: MysqlFlavour, files: DebianPackage): Promise<string> {
  const script = await flavour.script(files, accounts({ root: '', app: '' }))
  const all = JSON.stringify([files.version, script, swift, flavour.settings])
  return createHash('sha256').update(all).digest('hex').slice(0, 12)
}

async function initialize(
  flavour: MysqlFlavour,
  files: DebianPackage,
  [program, ...places]: MysqlTemplate['command'],
  draft: string,
): Promise<void> {
  const data = join(draft, 'data')
  await mkdir(data, { mode: 0o700 })
  const passwords = { root: randomBytes(16).toString('hex'), app: randomBytes(16).toString('hex') }
  const input = (await flavour.script(files, accounts(passwords))).join('\n').concat('\n')
  const script = join(draft, 'init.sql')
  await writeFile(script, input, { mode: 0o600 })
  const temporary = join(draft, 'tmp')
  await mkdir(temporary)
  const settings = serverArguments({ datadir: data, tmpdir: temporary, ...swift, ...flavour.settings })
  await run(program, [...places, ...flavour.initialize(script), ...settings], { input })
  await rm(temporary, { recursive: true })
  await rm(script)
  await rm(join(data, 'auto.cnf'), { force: true }) // MySQL's name of the server: each node makes up its own
  await writeFile(join(draft, 'passwords.json'), JSON.stringify(passwords), { mode: 0o600 })
}

/** The administrator also replicates. */
function accounts(passwords: MysqlTemplate['passwords']): string[] {
  return [
    'CREATE DATABASE app CHARACTER SET utf8mb4;',
    `CREATE USER app@'%' IDENTIFIED BY ${literal(passwords.app)};`,
    "GRANT ALL ON app.* TO app@'%';",
    `CREATE USER root@'%' IDENTIFIED BY ${literal(passwords.root)};`,
    "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;",
  ]
}

/** Nothing here outlives a power cut: the system's page cache is durable enough for servers that are killed. */
export const swift: MysqlSettings = {
  innodb_flush_method: 'nosync',
  innodb_flush_log_at_trx_commit: 2,
  innodb_doublewrite: 'OFF',
  innodb_buffer_pool_size: '64M',
  innodb_buffer_pool_dump_at_shutdown: 'OFF',
  innodb_buffer_pool_load_at_startup: 'OFF',
}

export function serverArguments(settings: MysqlSettings): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
}
