import { type Ask, type AskedConnection, answerMs } from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'
import { addressOf, type BareClient, type ClientClass } from './driver-types.ts'
import { keepPassword } from './options.ts'
import { asksOnly } from './own-question.ts'
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
  const { connection, stream } = options as { readonly connection?: unknown; readonly stream?: unknown }
  // One that the app has made itself is one client's.
  if (connection !== undefined || typeof stream === 'object')
    throw new TypeError('There is one connection, and it is not ours')
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
  const ask = asking(client)
  await connect(client)
  return {
    ask,
    askBoth:
      version < waitsSince
        ? undefined
        : async (first, second) => {
            const [one, ...rest] = await ask(`${first}; ${second}`)
            return [one === undefined ? [] : [one], rest]
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

/** Below `query`, as it connects below `connect`: no instrumentation of the app's sees this connection. */
function asking(client: BareClient): (sql: string) => Promise<(string | null)[][]> {
  if (client.connection === undefined) {
    // The native client has nothing below its `query`.
    return async (sql) => {
      const answer = client.query({ text: sql, types: rawText, rowMode: 'array' }) as Promise<{ rows: Rows }>
      return (await answer).rows.map((row) => [...row])
    }
  }
  const questions = asksOnly(client)
  return (sql) => questions.ask(sql, answerMs)
}

function connect(client: BareClient): Promise<void> {
  return new Promise((resolve, reject) => {
    const open = client._connect ?? client.connect
    open.call(client, (error) => (error ? reject(error) : resolve()))
  })
}
