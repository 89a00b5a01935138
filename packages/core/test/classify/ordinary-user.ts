import type { MysqlCluster } from '@flyroute/lab/databases'
import type { Connection } from 'mysql2/promise'

/** The privileges that let one write on a server that is `read_only`. */
const EXEMPTING = { mariadb: 'super, read_only admin', mysql: 'super, connection_admin' }

/** Makes the server read-only; returns the URL of a user who may do everything but write nevertheless. */
export async function ordinaryUser({ kind, primary }: MysqlCluster, admin: Connection): Promise<string> {
  for (const sql of [
    "create user ordinary identified by 'ordinary'",
    'grant all on *.* to ordinary with grant option',
    `revoke ${EXEMPTING[kind]} on *.* from ordinary`,
    'set global read_only = on',
  ]) {
    await admin.query(sql)
  }
  const url = new URL(primary.url)
  url.username = 'ordinary'
  url.password = 'ordinary'
  return url.href
}
