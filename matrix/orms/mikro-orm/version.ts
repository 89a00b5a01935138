import type { Source } from '@flyroute/matrix'
import type { MikroORM, SqlEntityManager } from '@mikro-orm/postgresql'
import { Post } from './entities.ts'

/** MikroORM 7 makes a pool of the driver's, and hands these options on to it. */
export const plug = ({ driver }: Source) => ({ driverOptions: { Client: driver.Client } })

export async function inUse(db: MikroORM): Promise<() => number> {
  const pool = await db.em.getConnection().getNativeClient()
  return () => pool.totalCount - pool.idleCount
}

export async function streamed(em: SqlEntityManager): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const post of em.stream(Post, { orderBy: { id: 'asc' } })) found.push([post.id, post.title])
  return found
}
