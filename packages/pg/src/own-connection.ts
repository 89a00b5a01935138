import { type Ask, type AskedConnection, answerMs } from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'
import { addressOf, type ClientClass } from './driver-types.ts'
import { keepPassword } from './options.ts'
import { rawText } from './wire.ts'

type Rows = Awaited<ReturnType<Ask>>

/** The first version whose standbys can wait for a position by themselves. */
const waitsSince = 19

/**
 * Connects a client of the driver's own class for our own questions.
 *
 * @param lost called when it has died
 */
export async function openOwn(Client: ClientClass, options: PoolConfig, lost: () => void): Promise<AskedConnection> {
  const config = { ...options, application_name: 'flyroute', connectionTimeoutMillis: answerMs }
  const client = new Client(config)
  keepPassword(client, config)
  // Of a native client it is not known.
  let version = 0
  client.connection?.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
    if (message.parameterName === 'server_version') version = Number.parseInt(message.parameterValue, 10)
  })
  client.on('error', lost)
  client.once('end', lost)
  await client.connect()
  const query = <T>(text: string): Promise<T> => client.query({ text, types: rawText, rowMode: 'array' }) as Promise<T>
  return {
    ask: async (sql) => (await query<{ rows: Rows }>(sql)).rows,
    askBoth:
      version < waitsSince
        ? undefined
        : async (first, second) => {
            const [one, other] = await query<[{ rows: Rows }, { rows: Rows }]>(`${first}; ${second}`)
            return [one.rows, other.rows]
          },
    address: addressOf(client),
    keepAlive: (isNeeded) => (isNeeded ? client.ref?.() : client.unref?.()),
    end: async () => client.end(),
    cut() {
      if (client.connection === undefined) void client.end()
      else client.connection.stream.destroy()
    },
  }
}
