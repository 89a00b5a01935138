import { FlyrouteDialect } from '@flyroute/kysely'
import { type Dialect, Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import type { Open } from '../lib/contender.ts'
import { InstantPool } from '../lib/instant-pool.ts'
import { aroundOf, type Servers } from '../lib/on-replica.ts'

export interface Settings {
  /** Without servers, a pool answers by itself: what is left is Kysely's work, and ours. */
  readonly servers?: Servers
  readonly clients: number
}

interface Tables {
  post: { id: number; title: string }
}

export const works: Readonly<Record<string, (db: Kysely<Tables>) => Promise<unknown>>> = {
  '1 row': (db) => db.selectFrom('post').selectAll().where('id', '=', 7).execute(),
  '1,000 rows': (db) => db.selectFrom('post').selectAll().orderBy('id').execute(),
  'raw SQL': (db) => sql`select id, title from post where id = ${7}`.execute(db),
}

export const contenders: readonly string[] = [
  'bare Kysely',
  'bare Kysely, again (noise)',
  'on a replica, outside a request',
  'on a replica, in a request',
]

export const open: Open<Settings> = (contender, { servers, clients }) => {
  const dialectTo = (role: 'primary' | 'replica'): Dialect => {
    if (servers === undefined) return new PostgresDialect({ pool: new InstantPool(role) })
    const connectionString = role === 'primary' ? servers.primaryUrl : servers.replicaUrl
    return new PostgresDialect({
      pool: async () => new pg.Pool({ connectionString, max: clients, idleTimeoutMillis: 0 }),
    })
  }
  const env = { FLY_REGION: contender.includes('primary') ? 'ord' : 'ams', PRIMARY_REGION: 'ord' }
  const replica = dialectTo('replica')
  const dialect = contender.startsWith('bare')
    ? replica
    : new FlyrouteDialect({ primary: dialectTo('primary'), replica, env })
  const db = new Kysely<Tables>({ dialect })
  return {
    run: (work) => works[work]?.(db) as Promise<unknown>,
    around: aroundOf(contender),
    end: () => db.destroy(),
  }
}
