import {
  type Position,
  readRecordEnd,
  readWalPosition,
  replayedColumns,
  type ServerInstance,
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
  const { client, guard } = connection
  const { role } = guard
  // Off Fly it has not said what it is: it is asked both in one go, ahead of what waits.
  const identified = guard.server === undefined && guard.isOnlyServer ? identify(connection) : undefined
  identified?.catch(() => undefined)
  // A server that does not tell its cluster has no positions that could be compared.
  if (identified === undefined && !tellsCluster(guard.server)) return taken(withoutCluster())
  const isReplica = role === 'replica'
  const sql = isReplica ? replayedSql : positionSql
  const isSent = isBehind && identified === undefined
  if (isSent) client.connection?.query(sql)
  const read = (error: unknown, row: readonly unknown[] | undefined): void => {
    const { server } = guard
    if (row === undefined) return taken(noPosition(error))
    if (!tellsCluster(server)) return taken(withoutCluster())
    const position = isReplica ? readRecordEnd(row, server) : readWalPosition(row, server, asynchronous)
    if (position !== 'unreachable') return taken(position)
    run(connection, separatorSql, false, (failure, end) =>
      taken(end === undefined ? noPosition(failure) : readRecordEnd(end, server)),
    )
  }
  run(connection, sql, isSent, (error, row) => {
    if (identified === undefined) return read(error, row)
    identified.then(
      () => read(error, row),
      (failure: unknown) => taken(noPosition(failure)),
    )
  })
}

/** What is asked behind a statement does not come between it and its `drain`. */
function identify({ guard, wire, client }: Guarded): Promise<void> {
  if (client.connection === undefined) return guard.identify()
  return guard.identify(
    (sql) =>
      new Promise((resolve, reject) => {
        wire.questions.askBehind(sql, false, (error, rows) => (rows === undefined ? reject(error) : resolve(rows)))
      }),
  )
}

function tellsCluster(server: ServerInstance | undefined): server is ServerInstance {
  return server !== undefined && server.cluster !== ''
}

function withoutCluster(): Error {
  return new Error('The server does not tell its cluster')
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
