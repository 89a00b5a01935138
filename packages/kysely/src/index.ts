export { FlyrouteDialect } from './dialect.ts'
export type { FlyrouteDialectOptions, FlyrouteOptions } from './options.ts'
