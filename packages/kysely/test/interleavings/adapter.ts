import { FlyrouteDialect } from '@flyroute/kysely'
import type { InterleavingsAdapter, InterleavingsClient, InterleavingsOptions } from '@flyroute/testkit/interleavings'
import { CompiledQuery, type Dialect, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

/** Kysely over pg, in the words of the search for interleavings. */
export const adapter: InterleavingsAdapter = {
  name: 'Kysely over Postgres',
  protocol: 'postgres',
  open({ name, topology, stream, max, primaryMax }) {
    const primary = dialectTo(topology.primary, stream, topology.role === 'primary' ? max : primaryMax)
    const replica = dialectTo(topology.local, stream, max)
    const dialect = new FlyrouteDialect({ primary, replica, name, topology })
    const db = new Kysely<unknown>({ dialect })
    return {
      replication: dialect.replication,
      query: (text) => say(db, text),
      connect: () => checkOut(db),
      async end() {
        // A Kysely that was never asked anything does not end its driver, which may have been asked where it stands.
        await db
          .connection()
          .execute(async () => undefined)
          .catch(() => undefined)
        await db.destroy()
      },
    }
  },
}

function dialectTo(
  { host, port, user, database }: InterleavingsOptions['topology']['primary'],
  stream: InterleavingsOptions['stream'],
  max: number,
): Dialect {
  const pool = new pg.Pool({ host, port, user, database, stream, max, idleTimeoutMillis: 0 })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new PostgresDialect({ pool })
}

async function say(db: Kysely<unknown>, text: string): Promise<object> {
  return db.executeQuery(CompiledQuery.raw(text))
}

function checkOut(db: Kysely<unknown>): Promise<InterleavingsClient> {
  return new Promise((resolve, reject) => {
    const use = (connection: Kysely<unknown>): Promise<void> =>
      new Promise((release) => resolve({ query: (text) => say(connection, text), release: () => release() }))
    db.connection().execute(use).catch(reject)
  })
}
