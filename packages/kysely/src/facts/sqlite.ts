import { type Observation, type Role, readSqliteError, txid } from '@flyroute/core/adapter'
import type { Facts } from './facts.ts'

/** SQLite in one file: the member that was configured is what it is, and nothing has a position. */
export function sqliteFacts(): Facts {
  return {
    language: 'sqlite',
    algebra: txid,
    readError: readSqliteError,
    isOfReadOnlyTransaction: () => false,
    isAnswer: () => true,
    asksNothing: observation,
    observe: async (_, expected) => observation(expected),
    position: () => Promise.reject(new Error('A file has no position; on LiteFS use @flyroute/better-sqlite3')),
  }
}

function observation(role: Role): Observation {
  return { instance: role, role, cluster: '', epoch: 0, at: undefined }
}
