import { decodeToken, encodeToken, type Freshness, stricter, type TokenContent } from '../token.ts'
import { readCookie } from './cookie.ts'
import type { ResolvedPolicy } from './options.ts'
import type { IncomingRequest, Visit } from './visit.ts'

const nothing: TokenContent = new Map()

/**
 * What the client must see: of its cookie and its header the stricter demand, of databases that this app has, in words
 * that they understand. Anything else is as if nothing had been sent.
 */
export function readToken(policy: ResolvedPolicy, request: IncomingRequest): TokenContent {
  const { cookie, tokenHeader, secrets } = policy
  const fromCookie = cookie && readCookie(request.header('cookie'), cookie.name)
  const fromHeader = tokenHeader === undefined ? undefined : request.header(tokenHeader)
  if (!fromCookie && !fromHeader) return nothing
  const [first, second] = [decodeToken(fromCookie, { secrets }), decodeToken(fromHeader, { secrets })]
  const content = new Map<string, Freshness>()
  for (const { name, algebra } of policy.databases) {
    for (const fresh of [first.get(name), second.get(name)]) {
      if (fresh === undefined || !('until' in fresh || algebra.isValid(fresh.at))) continue
      const other = content.get(name)
      content.set(name, other === undefined ? fresh : stricter(other, fresh, algebra))
    }
  }
  return content
}

/** The token for the client; undefined where it keeps the one it has, because nothing was written. Empty: it has none. */
export function nextToken(policy: ResolvedPolicy, { scope, incoming, forged }: Visit): string | undefined {
  const { positions, written } = scope.activity
  if (policy.consistency === 'none' || (positions.size === 0 && forged.length === 0)) return undefined
  const content = new Map(incoming)
  for (const name of forged) content.delete(name)
  for (const database of policy.databases) {
    const { name } = database
    const position = positions.get(name)
    if (position === undefined) continue
    // An answer that another one of this process has overtaken must not take the client back: the maximum counts.
    const latest = 'until' in position ? position : database.latest(position)
    // Whoever has written was on the primary, and the primary is the judge of what came before.
    const before = written.has(name) ? undefined : content.get(name)
    content.set(name, before === undefined ? latest : stricter(before, latest, database.algebra))
  }
  return content.size === 0 ? '' : encodeToken(content, policy.secrets)
}
