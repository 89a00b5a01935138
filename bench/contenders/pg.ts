import { createPool } from '@flyroute/pg'
import pg, { type QueryConfig } from 'pg'
import type { Open } from '../lib/contender.ts'
import { aroundOf, envOf, type Servers } from '../lib/on-replica.ts'

export interface Settings extends Servers {
  readonly clients: number
}

export const works: Readonly<Record<string, QueryConfig>> = {
  '1 row': { text: 'select id, title from post where id = 7' },
  '1 row, named statement': { name: 'one', text: 'select id, title from post where id = $1', values: [7] },
  '1,000 rows': { text: 'select id, title from post order by id limit 1000' },
}

export const contenders: readonly string[] = [
  'bare pg.Pool',
  'bare pg.Pool, again (noise)',
  'createPool, outside a request',
  'createPool, in a request',
]

export const open: Open<Settings> = (contender, { clients, ...servers }) => {
  const settings = { max: clients, idleTimeoutMillis: 0 }
  const env = envOf(servers)
  const pool = contender.startsWith('bare')
    ? new pg.Pool({ connectionString: servers.replicaUrl, ...settings })
    : createPool({ env, ...settings })
  return {
    run: (work) => pool.query(works[work] as QueryConfig),
    around: aroundOf(contender),
    end: () => pool.end(),
  }
}
