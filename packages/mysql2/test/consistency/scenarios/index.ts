export { asynchronous, failover, otherRegion, zombie } from './failover.ts'
export { apps, network } from './network.ts'
export { clocks, lag, monotonic, oneName, parallel, restarts, rewound, synchronous } from './replicas.ts'
