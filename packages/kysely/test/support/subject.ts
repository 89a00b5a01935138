import { FlyrouteDialect, type FlyrouteDialectOptions } from '@flyroute/kysely'
import type { OpenOptions, Subject } from '@flyroute/testkit/conformance'
import type { CompiledQuery, Dialect } from 'kysely'
import * as kysely from 'kysely'
import { Migrator } from 'kysely/migration'
import * as kysely028 from 'kysely-0-28'

/** What the tests use of Kysely. */
export type Version = Pick<
  typeof kysely,
  'CompiledQuery' | 'Kysely' | 'MysqlDialect' | 'PostgresDialect' | 'SqliteDialect' | 'sql'
> & {
  readonly Migrator: typeof Migrator
}

/** By name; the older one's types differ where nobody looks here. */
export const versions: Readonly<Record<string, Version>> = {
  '0.29': { ...kysely, Migrator },
  '0.28': kysely028 as unknown as Version,
}

type Row = Record<string, unknown>

/** @param dialectTo makes the dialect that is wrapped, connected to a URL */
export function subjectOf(
  version: Version,
  { env, max, ...options }: OpenOptions,
  dialectTo: (url: string, max: number | undefined) => Dialect,
): Subject {
  const primary = dialectTo(env['DATABASE_URL'] as string, max)
  const replica = env['DATABASE_URL_AMS']
  const dialects: FlyrouteDialectOptions =
    replica === undefined && env['FLY_REGION'] === undefined
      ? { dialect: primary }
      : { primary, replica: replica === undefined ? undefined : dialectTo(replica, max) }
  return subjectOver(version, new FlyrouteDialect({ ...dialects, env, name: 'app', ...options }))
}

/** The suite's words for a Kysely with this dialect. */
export function subjectOver(version: Version, dialect: FlyrouteDialect): Subject {
  const logged: string[] = []
  const db = new version.Kysely<unknown>({ dialect, log: ({ query }) => void logged.push(query.sql) })
  const raw = (sql: string): CompiledQuery => version.CompiledQuery.raw(sql)
  return {
    database: dialect,
    logged,
    query: async (sql) => (await db.executeQuery<Row>(raw(sql))).rows,
    transaction: (work) =>
      db.transaction().execute((trx) => work(async (sql) => (await trx.executeQuery<Row>(raw(sql))).rows)),
    async end() {
      // A Kysely that was never asked anything does not end its driver, which may have been asked where it stands.
      await db.executeQuery(raw('select 1')).catch(() => undefined)
      await db.destroy()
    },
  }
}

/** What tests of Kysely leave out in any case. */
export const withoutPool = { pool: 'a dialect does not tell what its pool has' } as const
