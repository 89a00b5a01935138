import type { Ask, Position } from '@flyroute/core/adapter'
import type { Guarded } from './guarded.ts'

/**
 * Asks for the position after a statement, on the same connection: a query of its own, since in the same string it
 * would be part of the same transaction and too early. It goes ahead of what waits, and not between the statement and its `drain`.
 *
 * @param asynchronous the statement may have been committed without waiting for the disk
 * @param taken called once, with the position or with why there is none
 * @param isBehind write it to the wire now, right after the statement that was sent last
 */
export function askPosition(
  { client, guard, wire }: Guarded,
  asynchronous: boolean,
  taken: (taken: Position | Error) => void,
  isBehind = false,
): void {
  let isNext = isBehind
  const askBehind: Ask = (sql) =>
    new Promise((resolve, reject) => {
      const isSent = isNext
      isNext = false
      if (isSent) client.connection?.query(sql)
      wire.questions.askBehind(sql, isSent, (error, rows) => (rows === undefined ? reject(error) : resolve(rows)))
    })
  // The native client has no messages that could be kept from the app.
  const asked = guard.position(asynchronous, client.connection === undefined ? wire.ask : askBehind)
  asked.then(taken, (error: unknown) =>
    taken(error instanceof Error ? error : new Error('No position', { cause: error })),
  )
}
