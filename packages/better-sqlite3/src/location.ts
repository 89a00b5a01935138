import { realpathSync, statfsSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { ConfigurationError } from '@flyroute/core'
import { readLitefs } from '@flyroute/core/adapter'
import { LitefsMount } from './mount.ts'
import type { FlyrouteOptions } from './options.ts'

/** What Linux calls a file system of FUSE (`statfs(2)`). */
const fuseMagic = 0x65735546

/** What the driver can open: a file name, the bytes of a database, or (since its version 13) a file descriptor. */
export type Filename = string | Buffer | number | null

/** Where the database is. */
export interface Location {
  /** What the driver is given. */
  readonly filename: Filename
  /** The file, where it has a name of its own; undefined for a database in memory, a temporary one, and a descriptor. */
  readonly path: string | undefined
  /** LiteFS's mount; undefined for a database that nothing replicates. */
  readonly mount: LitefsMount | undefined
}

/**
 * Finds the database and LiteFS. Without a file name the environment says it, in the words of LiteFS's documentation and
 * of litefs-js: `DATABASE_PATH`, `LITEFS_DIR` with `DATABASE_FILENAME`, or a `DATABASE_URL` of the form `file:…`.
 *
 * @throws ConfigurationError where nothing says which file
 */
export function locate(given: Filename | undefined, options: FlyrouteOptions): Location {
  const settings = readLitefs(options.env)
  const litefsDir = options.litefsDir ?? settings.dir
  const inMount =
    litefsDir === undefined || settings.filename === undefined ? undefined : join(litefsDir, settings.filename)
  const filename = given === undefined ? (settings.path ?? inMount) : given
  if (filename === undefined) {
    const remedy = 'pass a file name, or set LITEFS_DIR and DATABASE_FILENAME'
    throw new ConfigurationError([{ setting: 'DATABASE_FILENAME', message: 'is not set', remedy }])
  }
  const path = pathOf(filename)
  if (path === undefined) return { filename, path, mount: undefined }
  const isInside = litefsDir !== undefined && contains(litefsDir, path)
  const mount = new LitefsMount(isInside ? litefsDir : dirname(path), path)
  // A fresh mount is empty: only its file system tells.
  const isLitefs = isInside || mount.isThere || (settings.hasConsul && isFuse(mount.dir))
  return { filename, path, mount: isLitefs ? mount : undefined }
}

/** The file that SQLite opens, through whatever links lead to it: LiteFS's own files are beside that one. */
function pathOf(filename: Filename): string | undefined {
  // What is no name at all is for the driver to refuse, in its own words.
  if (typeof filename !== 'string') return undefined
  const name = filename.trim()
  if (name === '' || name === ':memory:') return undefined
  return realPath(resolve(name.startsWith('file:') ? (name.slice('file:'.length).split('?')[0] as string) : name))
}

/** The path without symbolic links, as far as it exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const dir = dirname(path)
    return dir === path ? path : join(realPath(dir), basename(path))
  }
}

/** Whether a file is in a folder, or below it. */
export function contains(dir: string, path: string): boolean {
  const way = relative(realPath(resolve(dir)), path)
  return way !== '' && !way.startsWith('..') && !isAbsolute(way)
}

function isFuse(dir: string): boolean {
  try {
    return statfsSync(dir).type === fuseMagic
  } catch {
    return false
  }
}
