export {
  type DatabaseCluster,
  type DatabaseNode,
  type MysqlCluster,
  type MysqlNode,
  type PostgresCluster,
  type PostgresNode,
  startMariadb,
  startMysql,
  startPostgres,
  whyNoMysql,
  whyNoPostgres,
} from './clusters.ts'
export { Relay } from './relay.ts'
export { reset } from './reset.ts'
