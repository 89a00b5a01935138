import { decodeToken, encodeToken, type Freshness, stricter } from '../token.ts'
import { noCookies, readCookies } from './cookie.ts'
import type { ResolvedPolicy } from './options.ts'
import type { IncomingRequest, RequestVisit, SentCookie, SentTokens } from './visit.ts'

const nothing: SentTokens = { content: new Map(), cookies: [] }
const noTokens: readonly string[] = []

/** So many cookies of machines may a client have: together they stay far below what servers take for a header. */
const mostCookies = 8
/** More tokens in one request are not decoded: with our own limits no client gets there, and each may cost several signatures. */
const mostTokens = 2 * mostCookies
/** So many cookies at most are ended by one answer: clients and proxies bound an answer's headers. */
const mostEnded = 15

/**
 * What the client must see: of its cookies and its headers the strictest demand, of databases that this app has, in words
 * that they understand. Anything else is as if nothing had been sent. Each token is decoded once.
 */
export function readTokens(policy: ResolvedPolicy, request: IncomingRequest): SentTokens {
  const sent = cookiesOf(policy, request)
  const listed = tokensInHeader(policy, request)
  if (sent.size === 0 && listed.length === 0) return nothing
  const content = new Map<string, Freshness>()
  const cookies: SentCookie[] = []
  // Clients send the cookies that they have had for longest first.
  let ignored = sent.size + listed.length - mostTokens
  for (const [name, token] of sent) {
    const isRead = ignored-- <= 0 || name === policy.cookie?.own
    if (isRead) cookies.push({ name, newest: merge(policy, content, token) })
    // Of those that are not read, as many as one answer can end.
    else if (cookies.length < mostEnded) cookies.push({ name, newest: 0 })
  }
  for (const token of listed) merge(policy, content, token)
  return { content, cookies }
}

/** Adds what a token asks for to the content. Tells the time of its newest entry. */
function merge({ secrets, databases }: ResolvedPolicy, content: Map<string, Freshness>, token: string): number {
  const demands = decodeToken(token, { secrets })
  let newest = 0
  for (const { name, algebra } of demands.size === 0 ? [] : databases) {
    const fresh = demands.get(name)
    if (fresh === undefined || !('until' in fresh || algebra.isValid(fresh.at))) continue
    newest = Math.max(newest, 'until' in fresh ? fresh.until : fresh.time)
    const other = content.get(name)
    content.set(name, other === undefined ? fresh : stricter(other, fresh, algebra))
  }
  return newest
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
export function nextToken(policy: ResolvedPolicy, { scope, incoming, forged }: RequestVisit): string | undefined {
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
    // What has written was on the primary, and the primary has validated what came before.
    const before = written.has(name) ? undefined : content.get(name)
    content.set(name, before === undefined ? latest : stricter(before, latest, database.algebra))
  }
  return content.size === 0 ? '' : encodeToken(content, policy.secrets)
}

/**
 * The cookies that give the client its next token: this machine's, and an empty one for each that goes. Others stay, since
 * an answer of their machine that is newer than what the client sent may be on its way.
 */
export function nextCookies(
  policy: ResolvedPolicy,
  visit: RequestVisit,
  token: string,
): [name: string, value: string][] {
  const { cookie } = policy
  if (cookie === undefined) return []
  const others = visit.sent.cookies.filter(({ name }) => name !== cookie.own)
  // What was forged is to be forgotten, in whichever of them it is; and of too many the oldest go, which this one covers.
  const kept = visit.forged.length > 0 ? 0 : mostCookies - 1
  const going = others.length <= kept ? [] : others.toSorted((a, b) => b.newest - a.newest).slice(kept)
  return [[cookie.own, token], ...going.slice(0, mostEnded).map(({ name }): [string, string] => [name, ''])]
}
