import { createPool } from '@flyroute/mysql2/promise'
import type { InterleavingsAdapter } from '@flyroute/testkit/interleavings'

/** mysql2, in the words of the search for interleavings. */
export const adapter: InterleavingsAdapter = {
  name: 'mysql2',
  protocol: 'mysql',
  open({ name, topology, connect, max, primaryMax }) {
    const pool = createPool({
      name,
      topology,
      // The driver looks at a clock of its own for this one. Our own connection has a limit all the same.
      connectTimeout: 0,
      stream: ({ config }: Made) => connect(config.host, config.connectTimeout !== 0),
      connectionLimit: max,
      // The driver makes room for 16,000 on each connection.
      maxPreparedStatements: 1,
      primaryPool: { connectionLimit: primaryMax },
    })
    return {
      replication: pool.replication,
      query: (text) => say(pool, text),
      async connect() {
        const connection = await pool.getConnection()
        return {
          query: (text) => say(connection, text),
          release: (error) => (error === undefined ? connection.release() : connection.destroy()),
        }
      },
      end: () => pool.end(),
    }
  },
}

/** What the driver makes a stream for. */
interface Made {
  readonly config: { readonly host: string; readonly connectTimeout: number }
}

async function say(connection: { query(text: string): Promise<unknown> }, text: string): Promise<object> {
  await connection.query(text)
  return {}
}
