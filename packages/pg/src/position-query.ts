import type { Position } from '@flyroute/core/adapter'
import type { BareClient, QueryClass, Submittable } from './driver-types.ts'
import { positionSql, readPosition, replayedSql, separatorSql } from './replication.ts'

export interface PositionContext {
  readonly client: BareClient
  readonly Query: QueryClass
  /** The driver's own `query`, below the guard. */
  readonly send: (query: Submittable) => void
  readonly onReplica: boolean
  readonly cluster: string
  readonly epoch: number
  /** The setting that can be seen behind the COMMIT is not the one that held at it. */
  readonly asynchronous: boolean
}

/** Called once, with the position or with why there is none. */
export type Taken = (taken: Position | Error) => void

/**
 * Asks for the position behind a statement, on the same connection: a query of its own, since in the same string it
 * would be part of the same transaction and too early. It is written to the wire right behind the statement where the
 * statement is whole, so that it costs no round trip.
 *
 * @param whole nothing more will be sent for the statement: neither rows of a portal nor data of a COPY
 */
export function askPosition(context: PositionContext, statement: Submittable, whole: boolean, taken: Taken): void {
  const { client, onReplica } = context
  const sql = onReplica ? replayedSql : positionSql
  // Only the statement that is on the wire now can be followed at once; behind a queue the driver sends it in turn.
  const early =
    whole && client.pipeline !== true && client._activeQuery === statement && client.connection !== undefined
  if (early) client.connection?.query(sql)
  send(context, sql, early, (error, rows) => {
    if (error !== undefined || rows?.[0] === undefined) return taken(error ?? new Error('No position'))
    const position = readPosition(rows[0], context.cluster, context.epoch, context.asynchronous)
    if (position !== 'unreachable') return taken(position)
    separate(context, taken)
  })
}

/** Writes one tiny record behind a position that no standby can reach yet, and asks again. */
function separate(context: PositionContext, taken: Taken): void {
  send(context, separatorSql, false, (failure) => {
    if (failure !== undefined) return taken(failure)
    send(context, positionSql, false, (error, rows) => {
      if (error !== undefined || rows?.[0] === undefined) return taken(error ?? new Error('No position'))
      const position = readPosition(rows[0], context.cluster, context.epoch, context.asynchronous)
      taken(position === 'unreachable' ? new Error('The position stays unreachable') : position)
    })
  })
}

function send(
  context: PositionContext,
  text: string,
  sent: boolean,
  done: (error: Error | undefined, rows?: unknown[][]) => void,
): void {
  const query = new context.Query(
    { text, rowMode: 'array' },
    undefined,
    (error: Error | null, result?: { rows: unknown[][] }) => done(error ?? undefined, result?.rows),
  )
  // Its bytes are on the wire already: when its turn comes, there is only the answer to read.
  if (sent) query.submit = () => null
  context.send(query)
}
