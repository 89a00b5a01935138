import { statfsSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { ConfigurationError } from '@flyroute/core'
import { readLitefs } from '@flyroute/core/adapter'
import { LitefsMount } from './mount.ts'
import type { FlyrouteOptions } from './options.ts'

/** What Linux calls a file system of FUSE (`statfs(2)`). */
const fuseMagic = 0x65735546

/** Where the database is. */
export interface Location {
  readonly path: string
  /** LiteFS's mount; undefined for a database that nobody replicates. */
  readonly mount: LitefsMount | undefined
}

/**
 * Finds the database and LiteFS. Without a file name the environment says it, in the words of LiteFS's documentation and
 * of litefs-js: `DATABASE_PATH`, `LITEFS_DIR` with `DATABASE_FILENAME`, or a `DATABASE_URL` of the form `file:…`.
 *
 * @throws ConfigurationError where nothing says which file
 */
export function locate(filename: string | undefined, options: FlyrouteOptions): Location {
  const settings = readLitefs(options.env)
  const litefsDir = options.litefsDir ?? settings.dir
  const inMount =
    litefsDir === undefined || settings.filename === undefined ? undefined : join(litefsDir, settings.filename)
  const path = filename ?? settings.path ?? inMount
  if (path === undefined) {
    const remedy = 'pass a file name, or set LITEFS_DIR and DATABASE_FILENAME'
    throw new ConfigurationError([{ setting: 'DATABASE_FILENAME', message: 'is not set', remedy }])
  }
  // In memory, or a temporary one.
  if (path.trim() === '' || path.trim() === ':memory:') return { path, mount: undefined }
  const isInside = litefsDir !== undefined && contains(litefsDir, path)
  const mount = new LitefsMount(isInside ? litefsDir : dirname(resolve(path)), resolve(path))
  // A fresh mount is empty: only its file system tells.
  const isLitefs = isInside || mount.isThere || (settings.hasConsul && isFuse(mount.dir))
  return { path, mount: isLitefs ? mount : undefined }
}

function contains(dir: string, path: string): boolean {
  const way = relative(resolve(dir), resolve(path))
  return way !== '' && !way.startsWith('..') && !isAbsolute(way)
}

function isFuse(dir: string): boolean {
  try {
    return statfsSync(dir).type === fuseMagic
  } catch {
    return false
  }
}
