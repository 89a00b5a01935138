export { createDriver, type FlyrouteDriver } from './driver.ts'
export type { FlyrouteOptions, FlyroutePoolOptions } from './options.ts'
export { createPool, type FlyroutePool } from './pool.ts'
