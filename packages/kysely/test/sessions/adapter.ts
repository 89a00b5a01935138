import type { Socket } from 'node:net'
import { FlyrouteDialect } from '@flyroute/kysely'
import { startMariadb, startPostgres } from '@flyroute/testkit'
import {
  mariadbSessions,
  postgresSessions,
  type SessionAdapter,
  type SessionConnection,
  type SessionDialect,
  type SessionSubject,
  type Step,
} from '@flyroute/testkit/sessions'
import { CompiledQuery, type Dialect, Kysely, MysqlDialect, PostgresDialect } from 'kysely'
import { createPool } from 'mysql2'
import pg from 'pg'
import Cursor from 'pg-cursor'

/** Kysely over pg, in the words of the differential test of sessions. */
export const postgres: SessionAdapter = adapterOf({
  name: 'Kysely over Postgres',
  dialect: withoutDestroying(postgresSessions({ hasMethods: false })),
  startCluster: () => startPostgres({ replicas: 1 }),
  dialectTo(connectionString, max) {
    const pool = new pg.Pool({ connectionString, max })
    pool.on('error', () => undefined)
    pool.on('connect', (client) => client.on('error', () => undefined))
    return {
      dialect: new PostgresDialect({ pool, cursor: Cursor }),
      async endAll() {
        const ends = async (): Promise<void> => (await pool.connect()).release(true)
        await Promise.all(Array.from({ length: pool.totalCount }, ends))
      },
    }
  },
})

/** Kysely over mysql2. */
export const mariadb: SessionAdapter = adapterOf({
  name: 'Kysely over MariaDB',
  dialect: withoutDestroying(mariadbSessions({ hasMethods: false })),
  startCluster: () => startMariadb({ replicas: 1 }),
  dialectTo(uri, connectionLimit) {
    const pool = createPool({ uri, connectionLimit, multipleStatements: true })
    let open = 0
    pool.on('connection', (connection) => {
      open++
      ;(connection as unknown as { readonly stream: Socket }).stream.once('close', () => open--)
    })
    return {
      dialect: new MysqlDialect({ pool }),
      async endAll() {
        // Each as soon as it comes: one that is closing may still be counted, and then there is no other to wait for.
        const ends = async (): Promise<void> => (await pool.promise().getConnection()).destroy()
        await Promise.all(Array.from({ length: open }, ends))
      },
    }
  },
})

interface Server {
  readonly dialect: Dialect
  /** Ends the connections that its pool has, as soon as nothing uses them: Kysely itself ends none. */
  endAll(): Promise<void>
}

interface Parts extends Omit<SessionAdapter, 'bare' | 'open' | 'ends'> {
  /** The dialect with a pool to a server. */
  dialectTo(url: string, connections: number): Server
}

function adapterOf({ dialectTo, ...rest }: Parts): SessionAdapter {
  return {
    ...rest,
    ends: false,
    bare(url, connections) {
      const server = dialectTo(url, connections)
      return subjectOf(server.dialect, [server])
    },
    open({ env, outsideRequest, connections }) {
      const primary = dialectTo(env['DATABASE_URL'] as string, connections)
      const replica = dialectTo(env['DATABASE_URL_AMS'] as string, connections)
      const options = { primary: primary.dialect, replica: replica.dialect, env, name: 'app', outsideRequest }
      const dialect = new FlyrouteDialect(options)
      return { ...subjectOf(dialect, [primary, replica]), database: dialect }
    },
  }
}

/** Kysely gives a connection back; it cannot end one. */
function withoutDestroying(dialect: SessionDialect): SessionDialect {
  return {
    ...dialect,
    sessions: dialect.sessions.map((session) => ({
      ...session,
      ending: session.ending === 'destroy' ? 'release' : session.ending,
    })),
  }
}

function subjectOf(dialect: Dialect, servers: readonly Server[]): SessionSubject {
  const db = new Kysely<unknown>({ dialect })
  let hasEnded = false
  return {
    connect: () =>
      new Promise<SessionConnection>((resolve, reject) => {
        const taken = db.connection().execute(
          (connection) =>
            new Promise<void>((giveBack) => {
              resolve({
                run: (step) => run(connection, step),
                async release(destroy) {
                  giveBack()
                  await taken
                  // What a replayed request holds is given back at some time, or never.
                  if (destroy && !hasEnded) await Promise.all(servers.map((server) => server.endAll()))
                },
              })
            }),
        )
        taken.catch(reject)
      }),
    end() {
      hasEnded = true
      return db.destroy()
    },
  }
}

async function run(connection: Kysely<unknown>, { text, values, form }: Step): Promise<unknown> {
  const query = CompiledQuery.raw(text, [...values])
  const result = await (form === 'stream' ? chunks(connection, query) : connection.executeQuery(query))
  return JSON.parse(JSON.stringify(result, plain)) as unknown
}

async function chunks(connection: Kysely<unknown>, query: CompiledQuery): Promise<unknown> {
  const all: unknown[] = []
  for await (const { rows } of connection.getExecutor().stream(query, 1)) all.push(...rows)
  return all
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
