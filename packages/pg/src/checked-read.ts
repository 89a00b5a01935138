import { type Freshness, type Position, sentNow } from '@flyroute/core/adapter'
import { isSubmittable, type QueryConfig } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import { makeQuery, type Statement } from './statement.ts'

/** Where the replica stands: asked ahead of a read, so that the read's snapshot has all of that. */
const placeQuestion = 'select pg_is_in_recovery()::text, pg_last_wal_replay_lsn()::text'

/** What becomes of a read whose replica was asked in the same breath. */
export interface CheckedRead {
  /** The replica was fresh enough: this is the answer. */
  answer(error: unknown, value: unknown): void
  /** It was not, or could not be asked: what it has answered shall not be seen. */
  behind(error: unknown): void
}

/**
 * Whether a statement may be sent to a replica before it is known how fresh that is: one that only reads, by itself, on a
 * connection that nothing else is waiting on, and whose values cannot fail on their way to the wire.
 */
export function canCheck(
  { client, guard: { server, session, wire } }: Guarded,
  { config, values, analysis, scope }: Statement,
  need: Freshness,
): need is Position {
  if ('until' in need || server?.at === undefined || server.cluster !== need.cluster || server.epoch < need.epoch)
    return false
  if (analysis.access !== 'read' || analysis.reason !== 'select' || analysis.several) return false
  if (session.transaction !== undefined || !wire.isQuiet || client.pipeline || client.connection === undefined)
    return false
  // Behind an error the server has yet to say that it is ready, and the question could not be sent first.
  if (client.readyForQuery !== true) return false
  if (isSubmittable(config) || scope?.consistency === 'monotonic') return false
  const given = typeof values === 'function' ? undefined : (values ?? (config as QueryConfig).values)
  return given === undefined || (Array.isArray(given) && given.every(isPlain))
}

/**
 * Sends the question where the replica stands and, right after it on the same wire, the read: one round trip for both. The
 * server answers them in their order, so what the read sees is never older than what the question found.
 */
export function sendChecked(connection: Guarded, statement: Statement, need: Position, read: CheckedRead): void {
  const { client, database, send, wire } = connection
  const { server } = connection.guard
  const { algebra } = database.replication
  let isFresh = false
  wire.questions.askAhead(placeQuestion, (_, rows) => {
    const [recovering, at] = rows?.[0] ?? []
    if (recovering !== 'true' || at == null || server === undefined) return
    if (server.at === undefined || algebra.covers(at, server.at)) server.at = at
    // By this answer alone: what else is known of the server by now may be newer than what the read has seen.
    isFresh = algebra.covers(at, need.at)
  })
  const query = makeQuery(connection, statement.config, statement.values, undefined)
  query.callback = (error, value) => (isFresh ? read.answer(error, value) : read.behind(error))
  send(query)
  const sentAt = sentNow()
  if (sentAt !== 0) query.sentAt = sentAt
  // The driver would write it when the first answer is there; by then it is on the wire, unless the driver refuses it.
  const refused = query.submit(client.connection)
  query.submit = () => refused
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value !== 'object' || value instanceof Date || Buffer.isBuffer(value)
}
