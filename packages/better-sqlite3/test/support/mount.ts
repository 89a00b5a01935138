import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FlyrouteDatabase, type FlyrouteDatabaseOptions, openDatabase } from '@flyroute/better-sqlite3'
import Database from 'better-sqlite3'

/** A folder with what LiteFS shows in its mount, written by hand: a database with the table `post`, at its first transaction. */
export class HandMadeMount implements Disposable {
  readonly folder: string = realpathSync(mkdtempSync(join(tmpdir(), 'flyroute-mount-')))
  readonly path: string = join(this.folder, 'app.db')
  readonly #opened: FlyrouteDatabase[] = []

  constructor() {
    new Database(this.path).exec('create table post (id integer primary key, title text)').close()
    this.position(1)
  }

  /** Writes the position of the last transaction that is here. */
  position(txid: number): void {
    this.positionText(`${txid.toString(16).padStart(16, '0')}/80000000000000ff\n`)
  }

  positionText(text: string): void {
    writeFileSync(`${this.path}-pos`, text)
  }

  namePrimary(text: string): void {
    writeFileSync(join(this.folder, '.primary'), text)
  }

  /** From now on SQLite cannot write (SQLITE_CANTOPEN), whoever the user is: it opens no journal through a symbolic link. */
  refuseWrites(): void {
    symlinkSync('/proc/flyroute-read-only', `${this.path}-journal`)
  }

  /** Opens the database on a machine in that region; no other one is the primary, unless the test names it. */
  open(region: string, options: FlyrouteDatabaseOptions = {}): FlyrouteDatabase {
    const env = { FLY_REGION: region, PRIMARY_REGION: 'ord', ...options.env }
    const db = openDatabase(this.path, { ...options, env })
    this.#opened.push(db)
    return db
  }

  /** What is in the table, read past what is tested. */
  rows(): unknown[] {
    const bare = new Database(this.path, { readonly: true })
    try {
      return bare.prepare('select id from post order by id').pluck().all()
    } finally {
      bare.close()
    }
  }

  [Symbol.dispose](): void {
    for (const db of this.#opened) {
      if (db.open) db.unsafeMode(true).close()
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('It was to be refused, and was not')
}
