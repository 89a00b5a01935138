export type { Connection, Dialect, Endpoint } from './endpoint.ts'
export type { ResolveTopologyOptions } from './topology/options.ts'
export { resolveTopology } from './topology/resolve.ts'
export { createTopology, type Topology, type TopologyFields, type TopologyNote, withRole } from './topology/topology.ts'
