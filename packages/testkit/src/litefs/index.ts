export { LitefsCluster, type LitefsNode, type LitefsOptions, startLitefs } from './cluster.ts'
