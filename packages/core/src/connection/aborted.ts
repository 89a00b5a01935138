import type { Analysis } from '../classify/types.ts'
import { Action } from './action.ts'
import type { ConnectionGuard } from './guard.ts'

/** What is sent in place of the COMMIT of such a transaction. */
export function rollbackFor({ chain }: Analysis): string {
  return chain === undefined ? 'rollback' : chain ? 'rollback and chain' : 'rollback and no chain'
}

/** In a transaction with a refused statement only its end passes: what follows was written for one in which that has run. */
export function inAborted<S>(guard: ConnectionGuard<S>, { transaction: control, several }: Analysis): Action {
  const transaction = guard.session.transaction
  if (transaction === undefined) return Action.here
  guard.refusal = transaction.refusal
  if (several) return Action.refuse
  if (control === 'rollback') return Action.here
  if (control === 'rollback-to') {
    transaction.refusal = undefined
    return Action.here
  }
  return control === 'commit' || control === 'prepare' ? Action.rollback : Action.refuse
}
