import type { Source } from '@flyroute/matrix'
import { type MikroORM, PostgreSqlKnexDialect, type SqlEntityManager } from '@mikro-orm/postgresql'
import { Post } from './entities.ts'

/** MikroORM 6 is built on Knex, which asks its client for the driver. */
export function plug({ driver }: Source) {
  class Client extends PostgreSqlKnexDialect {
    _driver(): unknown {
      return driver
    }
  }
  return { driverOptions: { client: Client } }
}

export async function inUse(db: MikroORM): Promise<() => number> {
  const { pool } = db.em.getConnection().getKnex().client
  return () => pool.numUsed()
}

export async function streamed(em: SqlEntityManager): Promise<unknown[]> {
  const found: unknown[] = []
  const query = em.createQueryBuilder(Post).select(['id', 'title']).orderBy({ id: 'asc' }).getKnexQuery()
  for await (const row of query.stream()) found.push(row)
  return found
}
