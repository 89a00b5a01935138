export {
  type DatabaseCluster,
  type DatabaseNode,
  type PostgresCluster,
  type PostgresNode,
  startPostgres,
} from './clusters.ts'
