import { lsn } from '../../src/dialect/postgres.ts'
import { createEndpoint } from '../../src/endpoint.ts'
import type { Observation, Position, Role } from '../../src/position.ts'
import { DatabaseReplication, type DatabaseReplicationOptions } from '../../src/replication/database.ts'
import type { Route } from '../../src/replication/route.ts'
import type { ReplicationSource } from '../../src/replication/source.ts'
import { currentScope } from '../../src/request/scope.ts'
import { createTopology } from '../../src/topology/topology.ts'

export interface FakeDatabaseOptions {
  readonly name?: string
  readonly role?: Role
  readonly region?: string | undefined
  readonly primaryRegion?: string | undefined
  readonly cluster?: string
  readonly at?: number
  readonly machineId?: string
  /** What differs from a database with no more than a position. */
  readonly source?: Partial<ReplicationSource>
  readonly replication?: Partial<DatabaseReplicationOptions>
  /** The region of the primary, or of the local server, where it is known. */
  readonly primaryIn?: string
  readonly localIn?: string
}

/**
 * Where a database would be, for tests of what HTTP does: the real book-keeping, over a source that a test sets by hand.
 * It says nothing of how a database behaves; tests that do have a real one.
 */
export class FakeDatabase {
  readonly replication: DatabaseReplication
  role: Role
  cluster: string
  epoch = 1
  at: number
  /** How often its position was asked for. */
  asked = 0

  constructor(options: FakeDatabaseOptions = {}) {
    const { name = 'app', role = 'replica', cluster = 'c', at = 0 } = options
    const { region = role === 'replica' ? 'ams' : 'ord', primaryRegion = 'ord' } = options
    this.role = role
    this.cluster = cluster
    this.at = at
    const primary = createEndpoint({
      source: 'DATABASE_URL',
      url: `postgres://h/${name}`,
      host: 'h',
      database: name,
      region: options.primaryIn,
    })
    const local = createEndpoint({
      source: 'DATABASE_URL_AMS',
      url: `postgres://r/${name}`,
      host: 'r',
      database: name,
      region: options.localIn,
    })
    const topology = createTopology({
      region: 'region' in options ? options.region : region,
      primaryRegion: 'primaryRegion' in options ? options.primaryRegion : primaryRegion,
      role,
      primary,
      local,
      machineId: options.machineId,
    })
    const probe = async (): Promise<Observation> => {
      this.asked++
      return { instance: 'i', role: this.role, cluster: this.cluster, epoch: this.epoch, at: toLsn(this.at) }
    }
    this.replication = new DatabaseReplication({
      name,
      topology,
      source: { algebra: lsn, probe, end: async () => {}, ...options.source },
      ...options.replication,
    })
  }

  /** What an adapter does with a write: refuses it, or runs it on the primary and has its position in hand. */
  write(): Route {
    const { replication } = this
    const state = currentScope()?.request
    if (state?.isReplayed) return 'late'
    const where = replication.topology.role === 'primary' ? 'local' : replication.router.route('write', 'insert')
    if (state !== undefined) {
      if (!state.beginWrite(replication.name)) throw state.whyNoWrite ?? new Error('not to be sent')
      replication.written.ends(state, 'done')
      replication.written.wrote(state, this.position(++this.at))
    }
    return where
  }

  position(at: number, more: Partial<Position> = {}): Position {
    return { cluster: this.cluster, epoch: this.epoch, at: toLsn(at), time: Date.now(), ...more }
  }
}

export function toLsn(at: number): string {
  return `0/${at.toString(16).toUpperCase()}`
}
