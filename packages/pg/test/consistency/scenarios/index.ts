export { apps, failover, network, otherRegion } from '@flyroute/testkit/consistency'
export { asynchronous, zombie } from './failover.ts'
export { clocks, lag, monotonic, oneName, parallel, restarts, synchronous } from './replicas.ts'
