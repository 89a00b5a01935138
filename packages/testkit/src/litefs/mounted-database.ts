import { fstatSync, ftruncateSync, openSync, readSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { replaceFile } from './mount.ts'

/** Where the header of a database file keeps how often it was changed ("Database File Format", 1.3.7). */
const changeCounterOffset = 24

/** All of a database as it was behind one of its transactions. */
export interface Snapshot {
  readonly txid: number
  readonly bytes: Buffer
}

/**
 * A database in a node's mount, as the node's server sees it. The number of a transaction is the change counter that SQLite itself
 * keeps in the file with a rollback journal: one more with each transaction, and there the moment the commit is.
 */
export class MountedDatabase {
  /** Where it is. */
  readonly path: string
  /** Its own, so that its locks are seen by the app's processes. */
  readonly #connection: DatabaseSync
  /** Kept open: to close any descriptor of a file ends all locks that a process has on it. */
  readonly #file: number

  constructor(dir: string, name: string) {
    this.path = join(dir, name)
    // An app that comes first finds a file, as a replica of LiteFS has one.
    writeFileSync(this.path, '', { flag: 'a' })
    this.#file = openSync(this.path, 'r+')
    this.#connection = new DatabaseSync(this.path, { timeout: 0 })
    // The server's own writes go past SQLite: it is wanted for its locks only, and must not look for a journal.
    this.#connection.exec('pragma journal_mode = memory')
  }

  /** The number of the last transaction in the file. */
  get txid(): number {
    const bytes = Buffer.alloc(4)
    readSync(this.#file, bytes, 0, 4, changeCounterOffset)
    return bytes.readUInt32BE()
  }

  /** The database after its last transaction; undefined while the app holds it locked. */
  snapshot(): Snapshot | undefined {
    return this.#locked('begin; select 1 from sqlite_schema limit 1', () => {
      const bytes = Buffer.alloc(fstatSync(this.#file).size)
      readSync(this.#file, bytes, 0, bytes.length, 0)
      return { bytes, txid: bytes.length === 0 ? 0 : bytes.readUInt32BE(changeCounterOffset) }
    })
  }

  /** Rows of what reads, as soon as the app lets it in. */
  async query(sql: string): Promise<unknown[]> {
    for (;;) {
      try {
        return this.#connection.prepare(sql).all()
      } catch (error) {
        if (!isBusy(error)) throw error
        await sleep(1)
      }
    }
  }

  /** Puts a snapshot in the place of what is there, between two reads of the app; false while the app reads. */
  apply({ bytes, txid }: Snapshot): boolean {
    const isApplied = this.#locked('begin exclusive', () => {
      writeSync(this.#file, bytes, 0, bytes.length, 0)
      ftruncateSync(this.#file, bytes.length)
      return true
    })
    if (isApplied) this.#publish(txid)
    return isApplied ?? false
  }

  /**
   * SQLite opens no journal through a symbolic link, and so it cannot write: SQLITE_CANTOPEN, for every user. The
   * position becomes a plain file.
   */
  becomeReplica(): void {
    rmSync(`${this.path}-journal`, { force: true })
    symlinkSync('/proc/flyroute-read-only', `${this.path}-journal`)
    this.#publish(this.txid)
  }

  /** The journal may be written; the position is for `answerPositions` to tell. */
  becomePrimary(): void {
    rmSync(`${this.path}-journal`, { force: true })
  }

  /** What a `-pos` file holds. The checksum is not LiteFS's: only LiteFS reads it. */
  positionText(txid: number): string {
    return `${txid.toString(16).padStart(16, '0')}/8000000000000000\n`
  }

  get positionPath(): string {
    return `${this.path}-pos`
  }

  #publish(txid: number): void {
    replaceFile(this.positionPath, this.positionText(txid))
  }

  #locked<T>(begin: string, work: () => T): T | undefined {
    try {
      this.#connection.exec(begin)
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('rollback')
      if (isBusy(error)) return undefined
      throw error
    }
    try {
      return work()
    } finally {
      this.#connection.exec('rollback')
    }
  }
}

/** SQLITE_BUSY: another process has it locked. */
function isBusy(error: unknown): boolean {
  return (error as { errcode?: number }).errcode === 5
}
