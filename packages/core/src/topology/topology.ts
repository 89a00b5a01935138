import { inspect } from 'node:util'
import type { Endpoint, EndpointJson } from '../endpoint.ts'

/** Something about a topology that its owner should hear once; not an error. */
export interface TopologyNote {
  /** Stable. */
  readonly code:
    | 'no-replica'
    | 'nearest-replica'
    | 'primary-nearer'
    | 'replica-is-primary'
    | 'member-port'
    | 'no-managed-postgres'
    | 'ignored-setting'
  /** A sentence for people, without secrets. */
  readonly message: string
}

/** Where this process runs, where the primary is, and which database server it talks to. Immutable. */
export interface Topology {
  /** The region this process runs in (`FLY_REGION`); `undefined` off Fly. */
  readonly region: string | undefined
  /** The region of the primary (`PRIMARY_REGION`); `undefined` where nothing says so. */
  readonly primaryRegion: string | undefined
  /** Also true off Fly, where there is one region only. */
  readonly inPrimaryRegion: boolean
  /** The role of the member that this process is connected to. */
  readonly role: 'primary' | 'replica'
  readonly appName?: string | undefined
  readonly machineId?: string | undefined
  readonly primary: Endpoint
  /** The member that reads use. The very same object as `primary` where the role is `primary`. */
  readonly local: Endpoint
  /** What should be said once. */
  readonly notes: readonly TopologyNote[]
  /** The topology without passwords and URLs. */
  toJSON(): TopologyJson
}

/** A topology as it may be logged. */
export interface TopologyJson extends Omit<Topology, 'primary' | 'local' | 'toJSON'> {
  readonly primary: EndpointJson
  readonly local: EndpointJson
}

/** What a topology is made of. */
export type TopologyFields = Omit<Topology, 'toJSON' | 'inPrimaryRegion' | 'notes'> & {
  readonly notes?: readonly TopologyNote[]
}

class ResolvedTopology implements Topology {
  readonly region: string | undefined
  readonly primaryRegion: string | undefined
  readonly inPrimaryRegion: boolean
  readonly role: 'primary' | 'replica'
  readonly appName: string | undefined
  readonly machineId: string | undefined
  readonly primary: Endpoint
  readonly local: Endpoint
  readonly notes: readonly TopologyNote[]

  constructor(fields: TopologyFields) {
    this.region = fields.region
    this.primaryRegion = fields.primaryRegion
    this.inPrimaryRegion = fields.region === undefined || fields.region === (fields.primaryRegion ?? fields.region)
    this.role = fields.role
    this.appName = fields.appName
    this.machineId = fields.machineId
    this.primary = fields.primary
    this.local = fields.role === 'primary' ? fields.primary : fields.local
    this.notes = Object.freeze([...(fields.notes ?? [])])
    Object.freeze(this)
  }

  toJSON(): TopologyJson {
    return { ...fieldsOf(this), primary: this.primary.toJSON(), local: this.local.toJSON() }
  }

  [inspect.custom](): object {
    return this.toJSON()
  }
}

/** The fields of a topology, in the order they are logged in. */
function fieldsOf({
  region,
  primaryRegion,
  inPrimaryRegion,
  role,
  appName,
  machineId,
  primary,
  local,
  notes,
}: Topology) {
  return { region, primaryRegion, inPrimaryRegion, role, appName, machineId, primary, local, notes }
}

/** A topology from its fields, for adapters that learn the role elsewhere (LiteFS). */
export function createTopology(fields: TopologyFields): Topology {
  return new ResolvedTopology(fields)
}

/** The same topology with the role that the connected member reports. */
export function withRole(topology: Topology, role: Topology['role']): Topology {
  return topology.role === role ? topology : new ResolvedTopology({ ...fieldsOf(topology), role })
}
