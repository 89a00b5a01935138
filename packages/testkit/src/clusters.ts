export {
  type DatabaseCluster,
  type DatabaseNode,
  type PostgresCluster,
  type PostgresNode,
  startPostgres,
} from '@flyroute/lab/databases'
