import { basename } from 'node:path'
import { ConfigurationError, type Replication, type Topology } from '@flyroute/core'
import { DatabaseReplication, memberTopology, type ReplicationSource, withRole } from '@flyroute/core/adapter'
import Database from 'better-sqlite3'
import { GuardedDatabase } from './guarded-database.ts'
import { type Filename, type Location, locate } from './location.ts'
import { type FlyrouteDatabaseOptions, type FlyrouteOptions, splitOptions } from './options.ts'
import { isRefusal } from './refusal.ts'
import { LitefsSource, singleSource } from './replication.ts'

/** A database of better-sqlite3, and where its data comes from. */
export type FlyrouteDatabase = Database.Database & { readonly replication: Replication }

/**
 * Opens a database of better-sqlite3. On a replica of LiteFS a statement that writes is refused with a
 * `PrimaryRequiredError` that leads to the primary's machine; on the primary, and without LiteFS, it is the driver's
 * database. The role is LiteFS's word, and changes with it.
 *
 * @param filename what the driver's constructor takes: a file name, `:memory:`, the bytes of a database (`Buffer`).
 *   Default: the file that `DATABASE_PATH`, `LITEFS_DIR` and `DATABASE_FILENAME`, or a `DATABASE_URL` of the form `file:…` say
 * @throws ConfigurationError where nothing says which file; where LiteFS's files are none of LiteFS; and for a file that
 *   nothing replicates in another region than the primary one, unless `unreplicated` asks for it
 * @throws PrimaryRequiredError where it has to be created, and this is a replica
 * @example
 * const db = openDatabase('/litefs/app.db')
 * db.prepare('select * from post where id = ?').get(7)
 */
export function openDatabase(filename?: Filename, options?: FlyrouteDatabaseOptions | null): FlyrouteDatabase {
  const [ours, drivers] = splitOptions(options ?? {})
  const location = locate(filename, ours)
  const { path, mount } = location
  const { env, region, primaryRegion } = ours
  const database = path === undefined ? 'default' : basename(path)
  const expected = memberTopology({ env, region, primaryRegion, source: 'the database file', database })
  if (mount === undefined) {
    if (!ours.unreplicated && !drivers.readonly) requireOneRegion(location, expected)
    const bare = new Database(location.filename as string, drivers)
    return withReplication(bare, replicationOf(ours, withRole(expected, 'primary'), singleSource))
  }
  const litefs = new LitefsSource(mount, expected, ours.candidate ?? expected.inPrimaryRegion)
  const { role } = litefs.probeSync()
  const replication = replicationOf(ours, withRole(expected, role), litefs)
  try {
    const guarded = new GuardedDatabase(location.filename as string, drivers, replication, litefs)
    litefs.follow(replication)
    return withReplication(guarded, replication)
  } catch (error) {
    if (role === 'replica' && isRefusal(error)) throw replication.router.required('refused', 'open', undefined, error)
    throw error
  }
}

/** A file that nothing replicates can be the database of one region only. */
function requireOneRegion({ path }: Location, { region, primaryRegion, inPrimaryRegion }: Topology): void {
  if (path === undefined || primaryRegion === undefined || inPrimaryRegion) return
  throw new ConfigurationError([
    {
      setting: basename(path),
      message: `is replicated by nothing: LiteFS is not mounted here, and this is ${region}, not the primary region ${primaryRegion}`,
      remedy:
        'mount LiteFS before the app starts, or pass unreplicated: true where each machine may have a file of its own',
    },
  ])
}

function replicationOf(
  { name, replayCostMs }: FlyrouteOptions,
  topology: Topology,
  source: ReplicationSource,
): DatabaseReplication {
  return new DatabaseReplication({ name, topology, source, replayCostMs, reachesPrimary: false })
}

function withReplication(database: Database.Database, replication: DatabaseReplication): FlyrouteDatabase {
  Object.defineProperty(database, 'replication', { value: replication, enumerable: true })
  return database as FlyrouteDatabase
}
