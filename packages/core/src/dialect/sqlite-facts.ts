import type { Observation, Role } from '../position.ts'
import type { DialectFacts } from './facts.ts'
import { readSqliteError, txid } from './sqlite.ts'

/** SQLite in one file: the member that was configured is what it is, and nothing has a position. */
export function sqliteFacts(): DialectFacts {
  return {
    language: 'sqlite',
    algebra: txid,
    abortsTransactions: false,
    questionsShow: false,
    readError: readSqliteError,
    isOfReadOnlyTransaction: () => false,
    isAnswer: () => true,
    // A read-only file refuses what writes. The other codes may be a disk's own.
    teachesWrite: (error) => /^SQLITE_READONLY$/.test(String((error as { code?: unknown } | null)?.code)),
    asksNothing: observation,
    observe: async (_, expected) => observation(expected),
    // What an app defines is run by the app's own process, on its own connection.
    writers: async () => ({ routines: new Map(), mentions: new Map() }),
    position: () => Promise.reject(new Error('A file has no position; on LiteFS use @flyroute/better-sqlite3')),
  }
}

function observation(role: Role): Observation {
  return { instance: role, role, cluster: '', epoch: 0, at: undefined }
}
