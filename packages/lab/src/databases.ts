export type { ClusterOptions, DatabaseCluster, DatabaseNode } from './databases/cluster.ts'
export { type PostgresCluster, startPostgres } from './databases/postgres.ts'
export type { PostgresNode } from './databases/postgres-node.ts'
