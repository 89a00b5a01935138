export { FlyrouteDialect } from './dialect.ts'
export type { FlyrouteDialectOptions, FlyrouteOptions, OneDialect, TwoDialects } from './options.ts'
