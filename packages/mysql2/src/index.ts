export type { FlyrouteOptions, FlyroutePoolOptions } from './options.ts'
export { createPool, type FlyroutePool } from './pool.ts'
