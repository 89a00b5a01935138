export { DatabaseReplication, type DatabaseReplicationOptions } from './database.ts'
export type { Route } from './route.ts'
export type { ReplicationSource } from './source.ts'
export type { Replication, ReplicationStatus } from './types.ts'
