import type { PositionAlgebra } from '../position.ts'

/** Facts about SQLite, and about SQLite on LiteFS, that every adapter for it shares. */

/**
 * Transaction ids of LiteFS: 64 bits as 16 hexadecimal digits, counted by one with each transaction ("Tracking LiteFS
 * replication position"). As texts of one length they compare as the numbers do.
 */
export const txid: PositionAlgebra = {
  isValid: (at) => /^[0-9a-f]{16}$/.test(at),
  covers: (reached, wanted) => txid.isValid(reached) && txid.isValid(wanted) && reached >= wanted,
  merge: (a, b) => (txid.covers(a, b) ? a : b),
}

/** Where a database stands that has no transaction yet. */
export const noTransaction: string = '0'.repeat(16)

/** The transaction id in a `-pos` file (`<TXID>/<checksum>` and a newline); undefined for anything else. */
export function readTxid(text: string): string | undefined {
  return /^([0-9a-f]{16})\/[0-9a-f]{16}\n?$/i.exec(text)?.[1]?.toLowerCase()
}

/**
 * Result codes with which SQLite says that LiteFS did not let it write: names as drivers give them, and the extended
 * numbers (`node:sqlite`).
 */
const refusals: ReadonlySet<unknown> = new Set([
  // With a rollback journal: the file system is read-only. Other extended codes say why SQLite itself did not write.
  'SQLITE_READONLY',
  8,
  // The same where the driver gives extended codes: LiteFS answers EACCES to a replica that creates a journal (its source).
  'SQLITE_READONLY_DIRECTORY',
  1544,
  // In WAL mode LiteFS has no better word than a failed write: "disk I/O error".
  'SQLITE_IOERR_WRITE',
  778,
  // A node that lost the primary's role in the middle of a transaction cannot end its journal (LiteFS's source).
  'SQLITE_IOERR_DELETE',
  2570,
  'SQLITE_IOERR_TRUNCATE',
  1546,
  // The journal, or the database itself, cannot be created.
  'SQLITE_CANTOPEN',
  14,
])

/** What an error means that a statement had on a *replica*; undefined for every error that is the app's own. */
export function readSqliteError(error: unknown): 'refusal' | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown }
  return refusals.has(code) || refusals.has(errcode) ? 'refusal' : undefined
}
