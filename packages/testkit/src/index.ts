export {
  type DatabaseCluster,
  type DatabaseNode,
  type MysqlCluster,
  type MysqlNode,
  type Pgbouncer,
  type PostgresCluster,
  type PostgresNode,
  startMariadb,
  startMysql,
  startPgbouncer,
  startPostgres,
  whyNoMysql,
  whyNoPgbouncer,
  whyNoPostgres,
} from './clusters.ts'
export { Relay } from './relay.ts'
export { reset } from './reset.ts'
