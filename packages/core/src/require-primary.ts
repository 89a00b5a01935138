import { assertPrimary } from './assert-primary.ts'
import type { Replication } from './replication/types.ts'
import { neverSettles } from './request/late.ts'
import { currentScope } from './request/scope.ts'
import type { PrimarySeeker } from './request/state.ts'

/**
 * The first line of a handler whose work outside of the database must not be done twice: single-use codes, mails, payments.
 * Where this process does not use the primary it throws the error that has the request replayed, before anything has
 * happened; where it does, it costs nothing.
 *
 * What cannot be replayed (its body is too large, say) passes where `whenReplayUnavailable` lets it run on the primary from
 * here. So it does inside `runOnPrimary`.
 *
 * @param database what an adapter returned. Default: the first one of the policy; outside of a request the environment decides.
 * @throws PrimaryRequiredError with reason `write`
 * @throws ReplayUnavailableError where it cannot be replayed, and must not run on the primary from here
 * @example
 * app.get('/auth/callback', async (req, res) => {
 *   await requirePrimary()
 *   const { who } = await redeem(req.query.code)
 *   await pool.query('insert into login (who) values ($1)', [who])
 *   res.redirect('/home')
 * })
 */
export async function requirePrimary(database?: { readonly replication: Replication }): Promise<void> {
  const scope = currentScope()
  const meant = (database?.replication as (Replication & PrimarySeeker) | undefined) ?? scope?.request.main
  if (meant === undefined) return assertPrimary()
  if (scope?.request.isReplayed) return neverSettles(meant.name)
  if (meant.topology.role === 'primary' || scope?.onPrimary) {
    scope?.request.tally?.needs('require-primary', scope.onPrimary)
    return
  }
  meant.router.toPrimary('write', 'require-primary', scope)
}
