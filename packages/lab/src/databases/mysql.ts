import type { ClusterOptions } from './cluster.ts'
import type { MysqlCluster } from './mysql-cluster.ts'
import { mysqlFlavour } from './mysql-flavour.ts'
import { startCluster, whyNoServer } from './mysql-start.ts'

/**
 * Starts a MySQL primary and replicas that follow it by GTID (`read_only`) on 127.0.0.1; as root or not. The server is that of
 * the machine's Debian or Ubuntu release, or where that has none, of Debian unstable with the C library of its own, fetched once
 * with apt into the user's cache, without root.
 *
 * Where `FLYROUTE_TEST_MYSQL_PRIMARY` and `FLYROUTE_TEST_MYSQL_REPLICA` (several with spaces between) are set to the URLs of the
 * administrators of servers of your own, those are used instead. They must replicate by GTID and have no database `app`; they are
 * neither ended nor re-pointed, and whatever would do so rejects.
 *
 * The servers and their files are gone when the cluster is disposed of or this process ends, in whatever way.
 *
 * @throws Error that says what to do, where there is no server for this machine (other than Linux with apt)
 * @example
 * await using cluster = await startMysql({ replicas: 2 })
 * await cluster.replicas[0].settings({ super_read_only: 'ON' })
 */
export async function startMysql(options: ClusterOptions = {}): Promise<MysqlCluster> {
  return startCluster(mysqlFlavour, options)
}

/**
 * Why `startMysql` cannot work here, for tests that are then to be skipped, with the reason; undefined where it can. Fetches the
 * server where it is not there yet: MySQL is in none of Debian's releases, and unstable may be without it for a while.
 */
export async function whyNoMysql(): Promise<string | undefined> {
  return whyNoServer(mysqlFlavour)
}
