export { type FlyrouteDatabase, openDatabase } from './database.ts'
export type { FlyrouteDatabaseOptions, FlyrouteOptions } from './options.ts'
