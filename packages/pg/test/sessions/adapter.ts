import { text as textFrom } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { createPool } from '@flyroute/pg'
import { startPostgres } from '@flyroute/testkit'
import {
  postgresSessions,
  type SessionAdapter,
  type SessionConnection,
  type SessionSubject,
  type Step,
} from '@flyroute/testkit/sessions'
import pg from 'pg'
import { from, to } from 'pg-copy-streams'
import Cursor from 'pg-cursor'

/** pg, in the words of the differential test of sessions. */
export const adapter: SessionAdapter = {
  name: 'pg',
  dialect: postgresSessions({ hasMethods: true }),
  startCluster: () => startPostgres({ replicas: 1 }),
  bare(url, max) {
    const pool = new pg.Pool({ connectionString: url, max })
    // Without us, a connection that is lost while it is checked out ends the process.
    pool.on('connect', (client) => client.on('error', () => undefined))
    return subjectOf(pool)
  },
  open({ connections: max, ...options }) {
    const pool = createPool({ ...options, max, primaryPool: { max } })
    return { ...subjectOf(pool), database: pool }
  },
}

function subjectOf(pool: pg.Pool): SessionSubject {
  pool.on('error', () => undefined)
  return {
    async connect() {
      const client = await pool.connect()
      const heard: unknown[] = []
      const hears = ({ channel, payload }: pg.Notification): void => void heard.push([channel, payload])
      client.on('notification', hears)
      return {
        run: (step) => (step.text === 'notifications' ? Promise.resolve([...heard]) : run(client, step)),
        release(destroy) {
          client.off('notification', hears)
          client.release(destroy)
        },
      }
    },
    end: () => pool.end(),
  }
}

async function run(client: pg.PoolClient, step: Step): ReturnType<SessionConnection['run']> {
  if (step.form === 'method') return copy(client, step.values as [text: string, rows?: string])
  if (step.form === 'stream') return read(client, step)
  const result: pg.QueryResult | pg.QueryResult[] = await send(client, step)
  return (Array.isArray(result) ? result : [result]).map(({ command, rowCount, rows, fields }) => ({
    command,
    rowCount,
    rows: rows as unknown[],
    fields: fields.map(({ name, dataTypeID }: pg.FieldDef) => [name, dataTypeID]),
  }))
}

function send(client: pg.PoolClient, { text, values, form }: Step): Promise<pg.QueryResult> {
  if (form === 'text') return client.query(text)
  if (form === 'values') return client.query(text, [...values])
  return client.query({ name: text, text, values: [...values] })
}

async function read(client: pg.PoolClient, { text, values }: Step): Promise<unknown> {
  const cursor = client.query(new Cursor(text, [...values]))
  const rows = [await cursor.read(1), await cursor.read(100)]
  await cursor.close()
  return rows
}

async function copy(client: pg.PoolClient, [text, rows]: [text: string, rows?: string]): Promise<unknown> {
  if (rows === undefined) return textFrom(client.query(to(text)))
  const stream = client.query(from(text))
  stream.end(rows)
  await finished(stream)
  return stream.rowCount
}
