import { FlyrouteDialect } from '@flyroute/kysely'
import { startMariadb, startPostgres } from '@flyroute/testkit'
import {
  mariadbSessions,
  postgresSessions,
  type SessionAdapter,
  type SessionConnection,
  type SessionDialect,
  type SessionSubject,
} from '@flyroute/testkit/sessions'
import { CompiledQuery, type Dialect, Kysely, MysqlDialect, PostgresDialect } from 'kysely'
import { createPool } from 'mysql2'
import pg from 'pg'

/** Kysely over pg, in the words of the differential test of sessions. */
export const postgres: SessionAdapter = adapterOf({
  name: 'Kysely over Postgres',
  dialect: withoutDestroying(postgresSessions),
  startCluster: () => startPostgres({ replicas: 1 }),
  dialectTo(connectionString, max) {
    const pool = new pg.Pool({ connectionString, max })
    pool.on('error', () => undefined)
    pool.on('connect', (client) => client.on('error', () => undefined))
    return new PostgresDialect({ pool })
  },
})

/** Kysely over mysql2. */
export const mariadb: SessionAdapter = adapterOf({
  name: 'Kysely over MariaDB',
  dialect: withoutDestroying(mariadbSessions({ hasMethods: false })),
  startCluster: () => startMariadb({ replicas: 1 }),
  dialectTo: (uri, connectionLimit) =>
    new MysqlDialect({ pool: createPool({ uri, connectionLimit, multipleStatements: true }) }),
})

interface Parts extends Omit<SessionAdapter, 'bare' | 'open' | 'ends'> {
  /** The dialect with a pool to a server. */
  dialectTo(url: string, connections: number): Dialect
}

function adapterOf({ dialectTo, ...rest }: Parts): SessionAdapter {
  return {
    ...rest,
    ends: false,
    bare: (url, connections) => subjectOf(dialectTo(url, connections)),
    open({ env, outsideRequest, connections }) {
      const primary = dialectTo(env['DATABASE_URL'] as string, connections)
      const replica = dialectTo(env['DATABASE_URL_AMS'] as string, connections)
      const dialect = new FlyrouteDialect({ primary, replica, env, name: 'app', outsideRequest })
      return { ...subjectOf(dialect), database: dialect }
    },
  }
}

/** Kysely gives a connection back; it cannot end one. */
function withoutDestroying(dialect: SessionDialect): SessionDialect {
  return { ...dialect, sessions: dialect.sessions.map((session) => ({ ...session, ending: 'release' })) }
}

function subjectOf(dialect: Dialect): SessionSubject {
  const db = new Kysely<unknown>({ dialect })
  return {
    connect: () =>
      new Promise<SessionConnection>((resolve, reject) => {
        db.connection()
          .execute(
            (connection) =>
              new Promise<void>((release) => {
                resolve({
                  async run({ text, values }) {
                    const result = await connection.executeQuery(CompiledQuery.raw(text, [...values]))
                    return JSON.parse(JSON.stringify(result, plain)) as unknown
                  },
                  release: () => release(),
                })
              }),
          )
          .catch(reject)
      }),
    end: () => db.destroy(),
  }
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
