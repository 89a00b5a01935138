import { createPool as createOurPool } from '@flyroute/mysql2/promise'
import { createPool, type Pool } from 'mysql2/promise'
import { called } from '../lib/called.ts'
import type { Open } from '../lib/contender.ts'
import { aroundOf, envOf, type Servers } from '../lib/on-replica.ts'

export interface Settings extends Servers {
  readonly clients: number
}

const one = 'select id, title from post where id = ?'

export const works: Readonly<Record<string, (pool: Pool) => Promise<unknown>>> = {
  'query, 1 row': (pool) => pool.query(one, [7]),
  'execute, 1 row': (pool) => pool.execute(one, [7]),
  'query, 1,000 rows': (pool) => pool.query('select id, title from post order by id limit 1000'),
  'query with a callback, 1 row': ({ pool }) => called((done) => pool.query(one, [7], done)),
  'execute with a callback, 1 row': ({ pool }) => called((done) => pool.execute(one, [7], done)),
}

export const contenders: readonly string[] = [
  'bare pool',
  'bare pool, again (noise)',
  'createPool, outside a request',
  'createPool, in a request',
]

export const open: Open<Settings> = (contender, { clients, ...servers }) => {
  const settings = { connectionLimit: clients }
  const env = envOf(servers)
  const pool = contender.startsWith('bare')
    ? createPool({ uri: servers.replicaUrl, ...settings })
    : createOurPool({ env, ...settings })
  return {
    run: (work) => works[work]?.(pool) as Promise<unknown>,
    around: aroundOf(contender),
    end: () => pool.end(),
  }
}
