export { LitefsCluster, type LitefsNode, type LitefsOptions, startLitefs } from './cluster.ts'
export { onLitefs } from './conformance.ts'
