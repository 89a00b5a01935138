import { readSqliteError } from '@flyroute/core/adapter'

/** Whether SQLite says that the file system did not let it write: on LiteFS, that this is no primary. */
export function isRefusal(error: unknown): boolean {
  return readSqliteError(error) === 'refusal'
}
