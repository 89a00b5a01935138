import type { ClusterOptions } from './cluster.ts'
import { mariadbFlavour } from './mariadb-flavour.ts'
import type { MysqlCluster } from './mysql-cluster.ts'
import { startCluster } from './mysql-start.ts'

/**
 * Starts a MariaDB primary and replicas that follow it by GTID (strict mode, `read_only`) on 127.0.0.1; as root or not.
 * The server is that of the machine's Debian or Ubuntu release, fetched once with apt into the user's cache, without root.
 *
 * Where `FLYROUTE_TEST_MARIADB_PRIMARY` and `FLYROUTE_TEST_MARIADB_REPLICA` (several with spaces between) are set to the URLs of the
 * administrators of servers of your own, those are used instead. They must replicate by GTID and have no database `app`; they are
 * neither ended nor re-pointed, and whatever would do so rejects.
 *
 * The servers and their files are gone when the cluster is disposed of or this process ends, in whatever way.
 *
 * @throws Error that says what to do, where there is no server for this machine (other than Linux with apt)
 * @example
 * await using cluster = await startMariadb({ replicas: 2 })
 * await cluster.replicas[0].pauseReplay()
 */
export async function startMariadb(options: ClusterOptions = {}): Promise<MysqlCluster> {
  return startCluster(mariadbFlavour, options)
}
