import { createDriver, createPool } from '@flyroute/pg'
import pg from 'pg'
import type { Source } from './orm.ts'

/** A source whose pool, if one was made, can be ended. */
export interface MadeSource extends Source {
  end(): Promise<void>
}

/** What says where this process runs and where its databases are. */
export type Environment = Readonly<Record<string, string>>

/** Connections of the bare driver. */
export function bareSource(url: string): MadeSource {
  return makeSource(url, pg, () => new pg.Pool({ connectionString: url }))
}

/** The same of flyroute's. */
export function flyrouteSource(env: Environment): MadeSource {
  return makeSource(env['DATABASE_URL'] ?? '', createDriver({ env }), () => createPool({ env }))
}

function makeSource(url: string, driver: typeof pg, makePool: () => pg.Pool): MadeSource {
  let made: pg.Pool | undefined
  return {
    url,
    driver,
    get pool() {
      made ??= makePool()
      return made
    },
    async end() {
      if (made?.ending === false) await made.end()
    },
  }
}
