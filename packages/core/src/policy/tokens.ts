import { decodeToken, encodeToken, type Freshness, stricter, type TokenContent } from '../token.ts'
import { noCookies, readCookies } from './cookie.ts'
import type { ResolvedPolicy } from './options.ts'
import type { IncomingRequest, Visit } from './visit.ts'

const nothing: TokenContent = new Map()
const noTokens: readonly string[] = []

/** So many cookies of machines may a client have: together they stay far below what servers take for a header. */
const mostCookies = 8
/** More tokens in one request are not looked at. */
const mostTokens = 2 * mostCookies

/**
 * What the client must see: of its cookies and its headers the strictest demand, of databases that this app has, in words
 * that they understand. Anything else is as if nothing had been sent.
 */
export function readToken(policy: ResolvedPolicy, request: IncomingRequest): TokenContent {
  const { secrets } = policy
  const cookies = cookiesOf(policy, request)
  const listed = tokensInHeader(policy, request)
  if (cookies.size === 0 && listed.length === 0) return nothing
  const tokens = [...cookies.values(), ...listed]
  const content = new Map<string, Freshness>()
  for (const token of tokens.slice(-mostTokens)) {
    const demands = decodeToken(token, { secrets })
    for (const { name, algebra } of policy.databases) {
      const fresh = demands.get(name)
      if (fresh === undefined || !('until' in fresh || algebra.isValid(fresh.at))) continue
      const other = content.get(name)
      content.set(name, other === undefined ? fresh : stricter(other, fresh, algebra))
    }
  }
  return content
}

function cookiesOf({ cookie }: ResolvedPolicy, request: IncomingRequest): ReadonlyMap<string, string> {
  return cookie === undefined ? noCookies : readCookies(request.header('cookie'), cookie.name)
}

/** A client that sends requests in parallel may send all the tokens that it got, as a list. */
function tokensInHeader({ tokenHeader }: ResolvedPolicy, request: IncomingRequest): readonly string[] {
  const list = tokenHeader === undefined ? undefined : request.header(tokenHeader)
  return list ? list.split(',', mostTokens).map((token) => token.trim()) : noTokens
}

/** The token for the client; undefined where it keeps the one it has, because nothing was written. Empty: it has none. */
export function nextToken(policy: ResolvedPolicy, { scope, incoming, forged }: Visit): string | undefined {
  const { positions, written } = scope.request
  if (policy.consistency === 'none' || (positions.size === 0 && forged.length === 0)) return undefined
  const content = new Map(incoming)
  for (const name of forged) content.delete(name)
  for (const database of policy.databases) {
    const { name } = database
    const position = positions.get(name)
    if (position === undefined) continue
    // An answer that another one of this process has overtaken must not take the client back: the maximum counts.
    const latest = 'until' in position ? position : database.written.latest(position)
    // Whoever has written was on the primary, and the primary is the judge of what came before.
    const before = written.has(name) ? undefined : content.get(name)
    content.set(name, before === undefined ? latest : stricter(before, latest, database.algebra))
  }
  return content.size === 0 ? '' : encodeToken(content, policy.secrets)
}

/**
 * The cookies that give the client its next token: this machine's, and an empty one for each that goes. Others stay, since
 * an answer of their machine that is newer than what the client sent may be on its way.
 */
export function nextCookies(policy: ResolvedPolicy, visit: Visit, token: string): [name: string, value: string][] {
  const { cookie, secrets } = policy
  if (cookie === undefined) return []
  const others = [...cookiesOf(policy, visit.request)].filter(([name]) => name !== cookie.own)
  const newest = (sent: string): number => {
    const times = [...decodeToken(sent, { secrets }).values()].map((one) => ('until' in one ? one.until : one.time))
    return Math.max(0, ...times)
  }
  // What was forged is to be forgotten, in whichever of them it is; and of too many the oldest go, which this one covers.
  const going =
    visit.forged.length > 0 ? others : others.toSorted(([, a], [, b]) => newest(b) - newest(a)).slice(mostCookies - 1)
  return [[cookie.own, token], ...going.map(([name]): [string, string] => [name, ''])]
}
