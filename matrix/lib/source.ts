import type { Replication } from '@flyroute/core'
import { createDriver, createPool } from '@flyroute/pg'
import pg from 'pg'
import type { Source } from './orm.ts'

/** A source, and what was made of it. */
export interface MadeSource extends Source {
  /** What a door is told of: the pool or the driver, whichever the ORM took. Undefined with the bare driver. */
  readonly database: { readonly replication: Replication } | undefined
  /** Ends the pool, if one was made. */
  end(): Promise<void>
}

/** What says where this process runs and where its databases are. */
export type Environment = Readonly<Record<string, string>>

/** Connections of the bare driver. */
export function bareSource(url: string): MadeSource {
  return makeSource({
    url,
    driver: pg,
    makePool: () => new pg.Pool({ connectionString: url }),
    database: () => undefined,
  })
}

/** The same of flyroute's. */
export function flyrouteSource(env: Environment): MadeSource {
  const driver = createDriver({ env })
  return makeSource({
    url: env['DATABASE_URL'] ?? '',
    driver,
    makePool: () => createPool({ env }),
    database: (pool) => pool ?? driver,
  })
}

interface Making<Pool extends pg.Pool> {
  readonly url: string
  readonly driver: typeof pg
  readonly makePool: () => Pool
  readonly database: (pool: Pool | undefined) => MadeSource['database']
}

function makeSource<Pool extends pg.Pool>({ url, driver, makePool, database }: Making<Pool>): MadeSource {
  let made: Pool | undefined
  return {
    url,
    driver,
    get pool() {
      made ??= makePool()
      return made
    },
    get database() {
      return database(made)
    },
    end: async () => made?.end(),
  }
}
