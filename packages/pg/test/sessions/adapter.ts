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

/** pg, in the words of the differential test of sessions. */
export const adapter: SessionAdapter = {
  name: 'pg',
  dialect: postgresSessions,
  startCluster: () => startPostgres({ replicas: 1 }),
  bare: (url, max) => subjectOf(new pg.Pool({ connectionString: url, max })),
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
      return { run: (step) => run(client, step), release: (destroy) => client.release(destroy) }
    },
    end: () => pool.end(),
  }
}

const run = async (client: pg.PoolClient, step: Step): ReturnType<SessionConnection['run']> => {
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
