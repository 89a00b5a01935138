import {
  type Position,
  readWalPosition,
  replayedColumns,
  separatorSql,
  walPositionColumns,
} from '@flyroute/core/adapter'
import type { Guarded } from './guarded.ts'
import { rawText } from './observer.ts'

const positionSql = `select ${walPositionColumns}`
const replayedSql = `select ${replayedColumns}`

/** Called once, with the position or with why there is none. */
type Taken = (taken: Position | Error) => void

/** The longest a timer can run (ms): the driver is not to give up an answer whose question is on the wire already. */
const never = 2 ** 31 - 1

/**
 * Asks for the position behind a statement, on the same connection: a query of its own, since in the same string it
 * would be part of the same transaction and too early.
 *
 * @param asynchronous the statement may have been committed without waiting for the disk
 * @param isBehind write it to the wire now, right behind the statement that was sent last
 */
export function askPosition(guard: Guarded, asynchronous: boolean, taken: Taken, isBehind = false): void {
  const { client, server, role } = guard
  // A server that does not tell its cluster has no positions that could be compared.
  if (server === undefined || server.cluster === '') return taken(new Error('The server does not tell its cluster'))
  const sql = role === 'replica' ? replayedSql : positionSql
  const read = (row: readonly unknown[]): Position | Error | 'unreachable' => readWalPosition(row, server, asynchronous)
  if (isBehind) client.connection?.query(sql)
  run(guard, sql, isBehind, (error, row) => {
    const position = row === undefined ? noPosition(error) : read(row)
    if (position !== 'unreachable') return taken(position)
    // One tiny record behind it, and again.
    run(guard, separatorSql, false, (failure) => {
      if (failure) return taken(noPosition(failure))
      run(guard, positionSql, false, (again, next) => {
        const found = next === undefined ? noPosition(again) : read(next)
        taken(found === 'unreachable' ? new Error('The position stays unreachable') : found)
      })
    })
  })
}

function run(
  { client, Query, send }: Guarded,
  text: string,
  isSent: boolean,
  done: (error: unknown, row?: readonly unknown[]) => void,
): void {
  const config = { text, rowMode: 'array', types: rawText }
  const query = new Query(config, undefined, (error: unknown, result?: { rows: unknown[][] }) =>
    done(error, result?.rows[0]),
  )
  if (client.connectionParameters?.query_timeout) query.query_timeout = never
  // Its bytes are on the wire already: when its turn comes, there is only the answer to read.
  if (isSent) query.submit = () => null
  send.call(client, query)
}

function noPosition(error: unknown): Error {
  return error instanceof Error ? error : new Error('No position', { cause: error })
}
