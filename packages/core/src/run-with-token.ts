import { tokenSecrets } from './env.ts'
import { runWithNeeds } from './request/scope.ts'
import { decodeToken } from './token.ts'

/**
 * Runs `fn` now, in a scope whose reads are as fresh as the token: for code outside HTTP, with a token that
 * `pool.replication.currentToken()` gave and a job's payload carried. A token that is malformed, expired or not signed
 * as it should be asks for nothing.
 *
 * A read waits for the replica, bounded, and is then made on the primary where that is allowed, or throws
 * `PrimaryRequiredError` with reason `stale`.
 *
 * @param options.secret what the token is signed with. Default: `FLYROUTE_SECRET`.
 * @example
 * await runWithToken(job.data.token, () => sendInvoice(job.data.id))
 */
export function runWithToken<T>(
  token: string | undefined,
  fn: () => T,
  options: { secret?: string | readonly string[] } = {},
): T {
  const { secret } = options
  const secrets = secret === undefined ? tokenSecrets() : typeof secret === 'string' ? [secret] : secret
  return runWithNeeds(decodeToken(token, { secrets }), fn)
}
