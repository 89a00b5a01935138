import type { Endpoint } from '@flyroute/core'
import type * as mysql2 from 'mysql2/promise'
import type { Asked } from './asked.ts'

/** @throws the driver's error; Error where the driver is not installed */
export async function connectMysql(endpoint: Endpoint, timeoutMs: number): Promise<Asked> {
  const { url, host, port, user, password, database } = endpoint
  const { createConnection } = await load()
  const where = url === undefined ? { host, port, user, password, database } : { uri: url }
  const connection = await createConnection({ ...defined(where), connectTimeout: timeoutMs })
  connection.on('error', () => undefined)
  return {
    ask: async (sql) => {
      const [rows] = await connection.query({ sql, rowsAsArray: true, typeCast: false } as mysql2.QueryOptions)
      return (rows as (Buffer | null)[][]).map((row) => row.map((value) => value?.toString() ?? null))
    },
    askRows: async (sql) => (await connection.query(sql))[0] as Record<string, unknown>[],
    end: () => connection.end(),
  }
}

function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

async function load(): Promise<typeof mysql2> {
  try {
    return await import('mysql2/promise')
  } catch {
    throw Object.assign(new Error('mysql2 is not installed'), { code: 'mysql2 is not installed' })
  }
}
