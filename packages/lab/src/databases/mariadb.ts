import type { ClusterOptions } from './cluster.ts'
import { mariadbFlavour } from './mariadb-flavour.ts'
import type { MysqlCluster } from './mysql-cluster.ts'
import { startCluster } from './mysql-start.ts'

/**
 * Starts a MariaDB primary and replicas that follow it by GTID (strict mode, `read_only`) on 127.0.0.1; as root or not.
 * The server is that of the machine's Debian or Ubuntu release, fetched once with apt into the user's cache, without root.
 *
 * The servers and their files are gone when the cluster is disposed of or this process ends, in whatever way.
 *
 * @throws Error that says what to do, where there is no server for this machine
 * @example
 * await using cluster = await startMariadb({ replicas: 2 })
 * await cluster.replicas[0].pauseReplay()
 */
export async function startMariadb(options: ClusterOptions = {}): Promise<MysqlCluster> {
  return startCluster(mariadbFlavour, options)
}
