import type * as mysql2 from 'mysql2/promise'

/**
 * Runs one statement on a connection of its own, so that a server that comes and goes leaves no broken one, and nothing
 * is held open between the calls.
 */
export async function query<Row>(url: string, sql: string, values: unknown[] = []): Promise<Row[]> {
  const connection = await connect(url)
  try {
    const [rows] = await connection.query(sql, values)
    return rows as Row[]
  } finally {
    connection.destroy()
  }
}

async function connect(url: string): Promise<mysql2.Connection> {
  const { createConnection } = await load()
  return createConnection({ uri: url, connectTimeout: 10_000 })
}

// An optional peer: who runs MariaDB or MySQL in the lab has the driver anyway, who runs Postgres need not install it.
async function load(): Promise<typeof mysql2> {
  try {
    return await import('mysql2/promise')
  } catch (cause) {
    throw new Error(
      'The lab reaches MariaDB and MySQL through mysql2: install it with "npm install --save-dev mysql2".',
      {
        cause,
      },
    )
  }
}
