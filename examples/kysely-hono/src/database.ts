import { FlyrouteDialect } from '@flyroute/kysely'
import { type Dialect, type Generated, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

export interface Tables {
  post: { id: Generated<number>; title: string; views: Generated<number> }
  report: { id: Generated<number>; posts: number; views: number }
}

// Kysely's own dialect over a plain pool, once for each member. Only the one that is used is opened.
const dialectTo = (connectionString: string | undefined): Dialect =>
  new PostgresDialect({
    pool: async () => {
      const pool = new pg.Pool({ connectionString })
      pool.on('error', console.error)
      return pool
    },
  })

const { DATABASE_URL, DATABASE_REPLICA_URL = DATABASE_URL } = process.env
export const dialect = new FlyrouteDialect({
  primary: dialectTo(DATABASE_URL),
  replica: dialectTo(DATABASE_REPLICA_URL),
  name: 'app',
})
export const db = new Kysely<Tables>({ dialect })
