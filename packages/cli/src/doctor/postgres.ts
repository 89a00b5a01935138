import type { Endpoint } from '@flyroute/core'
import pg from 'pg'
import type { Asked } from './asked.ts'

const asText = { getTypeParser: () => (text: string) => text }

/** @throws the driver's error */
export async function connectPostgres(endpoint: Endpoint, timeoutMs: number): Promise<Asked> {
  const { url, host, port, user, password, database } = endpoint
  const where = url === undefined ? { host, port, user, password, database } : { connectionString: url }
  const client = new pg.Client({
    ...where,
    application_name: 'flyroute doctor',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  })
  client.on('error', () => undefined)
  await client.connect()
  return {
    ask: async (text) => (await client.query<(string | null)[]>({ text, rowMode: 'array', types: asText })).rows,
    end: () => client.end(),
  }
}
