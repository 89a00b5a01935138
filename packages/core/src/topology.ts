export { resolveTopology, type ResolveTopologyOptions } from './topology/resolve.ts'
export { createTopology, type Topology, type TopologyFields, type TopologyNote, withRole } from './topology/topology.ts'
export type { Connection, Dialect, Endpoint } from './endpoint.ts'
