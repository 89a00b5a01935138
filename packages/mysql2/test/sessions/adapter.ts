import { createPool } from '@flyroute/mysql2/promise'
import { startMariadb, startMysql } from '@flyroute/testkit'
import {
  mariadbSessions,
  mysqlSessions,
  type SessionAdapter,
  type SessionSubject,
  type Step,
} from '@flyroute/testkit/sessions'
import type { Connection, FieldPacket } from 'mysql2'
import * as mysql2 from 'mysql2/promise'

const multipleStatements = true

const common = {
  bare: (uri: string, connectionLimit: number) =>
    subjectOf(mysql2.createPool({ uri, connectionLimit, multipleStatements })),
  open({ connections: connectionLimit, ...options }: Parameters<SessionAdapter['open']>[0]) {
    const pool = createPool({ ...options, connectionLimit, multipleStatements, primaryPool: { connectionLimit } })
    return { ...subjectOf(pool), database: pool }
  },
}

/** mysql2, in the words of the differential test of sessions. */
export const mariadb: SessionAdapter = {
  ...common,
  name: 'mysql2 on MariaDB',
  dialect: mariadbSessions({ hasMethods: true }),
  startCluster: () => startMariadb({ replicas: 1 }),
}

export const mysql: SessionAdapter = {
  ...common,
  name: 'mysql2 on MySQL',
  dialect: mysqlSessions({ hasMethods: true }),
  startCluster: () => startMysql({ replicas: 1 }),
}

function subjectOf(pool: mysql2.Pool): SessionSubject {
  return {
    async connect() {
      const connection = await pool.getConnection()
      return {
        run: (step) => run(connection, step),
        release: (destroy) => (destroy ? connection.destroy() : connection.release()),
      }
    },
    end: () => pool.end(),
  }
}

async function run(connection: mysql2.PoolConnection, { text, values, form }: Step): Promise<unknown> {
  if (form === 'method' && text === 'prepare') return prepared(connection, values as [text: string, value: string])
  if (form === 'method') {
    const method = connection[text as 'changeUser'] as (...args: readonly unknown[]) => Promise<unknown>
    await method.apply(connection, [...values])
    return 'done'
  }
  if (form === 'stream') return plain(await streamed(connection, text, values))
  const [result, fields] = await (form === 'text'
    ? connection.query(text)
    : form === 'values'
      ? connection.query(text, [...values])
      : connection.execute(text, [...values] as string[]))
  return JSON.parse(JSON.stringify([plain(result), namesOf(fields)])) as unknown
}

/** The promises stand before the connection that has streams. */
function streamed({ connection }: mysql2.PoolConnection, text: string, values: readonly unknown[]): Promise<unknown[]> {
  return (connection as unknown as Connection)
    .query(text, [...values])
    .stream()
    .toArray()
}

/** A statement that is kept, and executed twice. */
async function prepared(
  connection: mysql2.PoolConnection,
  [text, value]: [text: string, value: string],
): Promise<unknown> {
  const statement = await connection.prepare(text)
  const results = [await statement.execute([value]), await statement.execute([value])]
  await statement.close()
  return results.map(([result, fields]) => [plain(result), namesOf(fields)])
}

/** Rows as they are; of a header what an app looks at. */
function plain(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(plain)
  const { affectedRows, insertId, ...row } = result as Record<string, unknown>
  return affectedRows === undefined ? row : { affectedRows, insertId }
}

function namesOf(fields: unknown): unknown {
  if (Array.isArray(fields)) return fields.map(namesOf)
  return (fields as FieldPacket | undefined)?.name
}
