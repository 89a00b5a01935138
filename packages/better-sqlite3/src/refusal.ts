import { readSqliteError } from '@flyroute/core/adapter'

/** Whether SQLite says that the file system did not let it write: on LiteFS, that this is no primary. */
export function isRefusal(error: unknown): boolean {
  return readSqliteError(error) === 'refusal'
}

/**
 * Texts that the engine calls writing although most of them only look: `PRAGMA journal_mode`, EXPLAIN of a write. The
 * engine decides about them when they run.
 */
export function isDecidedByTheEngine(sql: string): boolean {
  return /^\s*(pragma|explain)\b/i.test(sql)
}

/** VACUUM INTO: a copy of the database somewhere else, whose errors are its own. */
export function isOfAnotherFile(sql: string): boolean {
  return /^\s*vacuum\b[^;]*\binto\b/i.test(sql)
}
