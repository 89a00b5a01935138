import type { DialectFacts } from '../dialect/facts.ts'
import type { DatabaseReplication } from './database.ts'

/**
 * Whether no statement hangs on what the local server is: off Fly there is but one, so that it is not asked before a client's
 * token needs it, nor when it is lost. LiteFS has replicas anywhere.
 */
export function isOnlyServer(database: {
  readonly facts: DialectFacts
  readonly replication: DatabaseReplication
}): boolean {
  const { topology, servers } = database.replication
  return topology.region === undefined && servers.expects === 'primary' && database.facts.language !== 'sqlite'
}
