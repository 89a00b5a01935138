import { basename } from 'node:path'
import type { Replication } from '@flyroute/core'
import {
  createClassifier,
  DatabaseReplication,
  memberTopology,
  type ReplicationSource,
  withRole,
} from '@flyroute/core/adapter'
import Database from 'better-sqlite3'
import { Guard } from './guard.ts'
import { locate } from './location.ts'
import { type FlyrouteDatabaseOptions, type FlyrouteOptions, splitOptions } from './options.ts'
import { isDecidedByTheEngine, isOfAnotherFile, isRefusal } from './refusal.ts'
import { LitefsSource, singleSource } from './replication.ts'
import { type BareStatement, StatementGuard } from './statement.ts'
import { guardTransaction } from './transaction.ts'

/** A database of better-sqlite3, and where its data comes from. */
export type FlyrouteDatabase = Database.Database & { readonly replication: Replication }

/**
 * Opens a database of better-sqlite3. On a replica of LiteFS a statement that writes is refused with a
 * `PrimaryRequiredError` that leads to the primary's machine; on the primary, and without LiteFS, it is the driver's
 * database. The role is LiteFS's word, and changes with it.
 *
 * @param filename default: what `DATABASE_PATH`, or `LITEFS_DIR` and `DATABASE_FILENAME` say
 * @throws ConfigurationError where nothing says which file
 * @throws PrimaryRequiredError where it has to be created, and this is a replica
 * @example
 * const db = openDatabase('/litefs/app.db')
 * db.prepare('select * from post where id = ?').get(7)
 */
export function openDatabase(filename?: string, options: FlyrouteDatabaseOptions = {}): FlyrouteDatabase {
  const [ours, drivers] = splitOptions(options)
  const { path, mount } = locate(filename, ours)
  const { env, region, primaryRegion } = ours
  const database = basename(path) || 'default'
  const expected = memberTopology({ env, region, primaryRegion, source: 'the database file', database })
  if (mount === undefined) {
    return withReplication(
      new Database(path, drivers),
      replicationOf(ours, withRole(expected, 'primary'), singleSource),
    )
  }
  const litefs = new LitefsSource(mount, expected, ours.candidate ?? expected.inPrimaryRegion)
  const { role } = litefs.probeSync()
  const replication = replicationOf(ours, withRole(expected, role), litefs)
  try {
    const guarded = new GuardedDatabase(path, drivers, replication, litefs)
    litefs.follow(replication)
    return withReplication(guarded, replication)
  } catch (error) {
    if (role === 'replica' && isRefusal(error)) throw replication.router.required('refused', 'open', undefined, error)
    throw error
  }
}

function replicationOf(
  { name, replayCostMs, secret }: FlyrouteOptions,
  topology: DatabaseReplication['topology'],
  source: ReplicationSource,
): DatabaseReplication {
  const secrets = typeof secret === 'string' ? [secret] : secret
  return new DatabaseReplication({ name, topology, source, replayCostMs, secrets, reachesPrimary: false })
}

function withReplication(database: Database.Database, replication: DatabaseReplication): FlyrouteDatabase {
  Object.defineProperty(database, 'replication', { value: replication, enumerable: false })
  return database as FlyrouteDatabase
}

/** The driver's database with the guard in front of whatever runs SQL. */
class GuardedDatabase extends Database {
  // ORMs know the driver by the name of its class.
  static override readonly name: string = 'Database'
  readonly #guard: Guard
  readonly #statements: StatementGuard
  readonly #replication: DatabaseReplication
  readonly #classify: (sql: string) => { access: string; reason: string; several: boolean }

  constructor(path: string, options: Database.Options, replication: DatabaseReplication, source: LitefsSource) {
    super(path, options)
    this.#guard = new Guard(this, () => super.pragma('query_only', { simple: true }) === 1, replication, source)
    this.#statements = new StatementGuard(this.#guard)
    this.#replication = replication
    this.#classify = createClassifier({ dialect: 'sqlite' }).classify
  }

  override prepare(sql: string): never {
    return this.#statements.guard(super.prepare(sql) as BareStatement) as never
  }

  /** Several statements at once cannot be prepared: here the text has to tell. */
  override exec(sql: string): this {
    const { access, reason, several } = this.#classify(sql)
    if (access === 'read') return this.#guard.controls(sql, () => super.exec(sql))
    if (!several && isOfAnotherFile(sql)) return super.exec(sql)
    const isCertain = access === 'write' && (several || !isDecidedByTheEngine(sql))
    return this.#guard.writes(isCertain, reason, () => super.exec(sql))
  }

  /** Most of them look, or set what is there already; the engine decides. */
  override pragma(source: string, options?: Database.PragmaOptions): unknown {
    return this.#guard.writes(false, 'pragma', () => super.pragma(source, options))
  }

  override transaction<F extends (...params: never[]) => unknown>(fn: F): never {
    return guardTransaction(this.#guard, this, fn, (inner) => super.transaction(inner as never)) as never
  }

  override close(): this {
    // Refused while an iterator is open: then it goes on.
    super.close()
    void this.#replication.end()
    return this
  }
}
