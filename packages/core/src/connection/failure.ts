import type { Analysis } from '../classify/types.ts'
import { noteUnavailable, noteUnreachable } from '../member/check-out.ts'
import type { Scope } from '../request/scope.ts'
import type { ConnectionGuard, GuardedDatabase } from './guard.ts'
import { staysHere } from './on-replica.ts'

/** A statement that has met an error on its connection. */
export interface Failure {
  readonly analysis: Analysis
  /** Its text, as the classifier knows it; undefined for one that only this server has. */
  readonly text: string | undefined
  readonly scope: Scope | undefined
  readonly error: unknown
  /** The server may have got it. */
  readonly wasSent: boolean
  /** It could run on another connection as if it had not run here: nothing of its answer was delivered, and `session.canMove` when it was sent. */
  readonly canMove: boolean
}

/**
 * What an error is to the app: the driver's own (`pass`), or another one; or the statement is run once on the primary (`rerun`);
 * or its request was answered with a replay meanwhile, and its caller hears nothing (`drop`).
 */
export type Verdict = 'pass' | 'rerun' | 'drop' | Error

/** Interprets an error by the role of the server that it came from. */
export function interpretError<S>(guard: ConnectionGuard<S>, failure: Failure): Verdict {
  const isReplica = guard.role === 'replica' && guard.side !== 'primary'
  const verdict = isReplica ? onReplica(guard, failure) : onPrimary(guard, failure)
  if (failure.wasSent && verdict !== 'rerun') guard.session.failsHalfway(failure.analysis)
  return verdict
}

function onPrimary<S>(guard: ConnectionGuard<S>, { scope, error }: Failure): Verdict {
  if (guard.database.facts.readError(error) === 'refusal') guard.doubts()
  if (!isOwnEnding(guard, error)) noteUnreachable(guard.database, scope, error)
  return isDropped(guard.database, scope, error) ? 'drop' : 'pass'
}

/**
 * Whether the caller of a statement hears nothing of an error, as its request was answered with a replay: nothing that could handle
 * it waits for it any more, and the replay does what it could not. It may even be our doing: what such a request holds is closed
 * in the end.
 */
export function isDropped(
  { facts }: Pick<GuardedDatabase, 'facts'>,
  scope: Scope | undefined,
  error: unknown,
): boolean {
  return scope?.request.isReplayed === true && facts.readError(error) !== undefined
}

/**
 * A replica has written nothing, so running on the primary what failed on a replica runs it once. The exception is a server that
 * was promoted a moment ago: what may write and got no answer may have run there.
 */
function onReplica<S>(guard: ConnectionGuard<S>, failure: Failure): Verdict {
  const { analysis, scope, error, canMove } = failure
  const { facts, replication } = guard.database
  const { transaction, isReadOnly } = guard.session
  const word = facts.readError(error)
  if (word === undefined) return 'pass'
  if (word === 'refusal') {
    if (isReadOnly && facts.isOfReadOnlyTransaction(error)) return 'pass'
    learns(guard, failure)
  }
  if (isDropped(guard.database, scope, error)) return 'drop'
  if (isOwnEnding(guard, error)) return 'pass'
  if (word === 'unavailable') {
    if (guard.side === 'local') replication.prober.reportUnreachable(error)
    if (failure.wasSent && !facts.isAnswer(error) && mayHaveWritten(guard, failure)) return 'pass'
  }
  try {
    // A read that replay has cancelled is made once on the primary, in a request or not: that is nearer than a replay.
    if (word !== 'recovery-conflict' || transaction !== undefined || !canMove) {
      replication.router.toPrimary(word === 'refusal' ? 'refused' : 'unavailable', analysis.reason, scope, error)
    }
    if (canMove && guard.refused === undefined) return 'rerun'
    if (word !== 'refusal') return 'pass'
    throw guard.refused ?? staysHere(guard, scope, transaction === undefined ? 'session' : 'transaction', error)
  } catch (refusal) {
    if (transaction !== undefined) transaction.refusal = refusal as Error
    noteUnavailable(scope, refusal)
    return refusal as Error
  }
}

/** Whether a statement has met nothing but the end of its connection, by the app's own hand: says nothing of the server. */
function isOwnEnding<S>({ wire, database }: ConnectionGuard<S>, error: unknown): boolean {
  return wire.isEnded === true && !database.facts.isAnswer(error)
}

/** Whether it would have written on a server that was promoted a moment ago: there the classifier's guess is not enough. */
function mayHaveWritten<S>({ database }: ConnectionGuard<S>, { analysis, text }: Failure): boolean {
  return analysis.access !== 'read' || (text !== undefined && database.catalogue.mayWrite(analysis, text))
}

/** What a replica refuses for its text's sake is known the next time, and would be needless if it had been promoted meanwhile. */
function learns<S>({ database }: ConnectionGuard<S>, { text, error }: Failure): void {
  if (text !== undefined && database.facts.teachesWrite(error)) database.classifier.learn(text)
  database.replication.prober.recheckRole()
}
