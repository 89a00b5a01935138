import {
  type Position,
  readRecordEnd,
  readWalPosition,
  replayedColumns,
  separatorColumns,
  walPositionColumns,
} from '@flyroute/core/adapter'
import type { Guarded } from './guarded.ts'
import { rawText } from './wire.ts'

const positionSql = `select ${walPositionColumns}`
const replayedSql = `select ${replayedColumns}`
const separatorSql = `select ${separatorColumns}`

type Done = (error: unknown, row?: readonly unknown[]) => void

/** Called once, with the position or with why there is none. */
type Taken = (taken: Position | Error) => void

/**
 * Asks for the position after a statement, on the same connection: a query of its own, since in the same string it
 * would be part of the same transaction and too early.
 *
 * @param asynchronous the statement may have been committed without waiting for the disk
 * @param isBehind write it to the wire now, right after the statement that was sent last
 */
export function askPosition(connection: Guarded, asynchronous: boolean, taken: Taken, isBehind = false): void {
  const { client } = connection
  const { server, role } = connection.guard
  // A server that does not tell its cluster has no positions that could be compared.
  if (server === undefined || server.cluster === '') return taken(new Error('The server does not tell its cluster'))
  const isReplica = role === 'replica'
  const sql = isReplica ? replayedSql : positionSql
  if (isBehind) client.connection?.query(sql)
  run(connection, sql, isBehind, (error, row) => {
    if (row === undefined) return taken(noPosition(error))
    const position = isReplica ? readRecordEnd(row, server) : readWalPosition(row, server, asynchronous)
    if (position !== 'unreachable') return taken(position)
    run(connection, separatorSql, false, (failure, end) =>
      taken(end === undefined ? noPosition(failure) : readRecordEnd(end, server)),
    )
  })
}

function run({ client, wire, send, Query }: Guarded, text: string, isSent: boolean, done: Done): void {
  if (client.connection !== undefined)
    return wire.questions.askBehind(text, isSent, (error, rows) => done(error, rows?.[0]))
  // The native client has no messages that could be kept from the app.
  const config = { text, rowMode: 'array', types: rawText }
  send(new Query(config, undefined, (error: unknown, result?: { rows: unknown[][] }) => done(error, result?.rows[0])))
}

function noPosition(error: unknown): Error {
  return error instanceof Error ? error : new Error('No position', { cause: error })
}
