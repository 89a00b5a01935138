import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Position } from './position.ts'

/** What a client must see of one database: a position, or, where none could be had, the primary until a time. */
export type Freshness = Position | { readonly until: number }

/** A token's content: per database (by its name) how fresh a reader must be. */
export type TokenContent = ReadonlyMap<string, Freshness>

/** Longer tokens are not looked at: a cookie holds 4096 bytes with its name and attributes. */
export const maxTokenLength = 3800
const maxDatabases = 16
/** A client's clock is not asked, but regions' clocks may differ by this much (ms). */
const clockTolerance = 60_000
const signatureBytes = 16

/** One row of the encoded content: a position, or name and end of a time on the primary. */
type Row = [name: string, cluster: string, epoch: number, at: string, time: number] | [name: string, until: number]

/**
 * Writes a token. With secrets it is signed (HMAC-SHA256) with the first; without, it is readable and forgeable,
 * which can cost its bearer a bounded wait and a replay, and nobody else anything.
 *
 * @throws TypeError when the content does not fit into a cookie.
 */
export function encodeToken(content: TokenContent, secrets: readonly string[] = []): string {
  const rows: Row[] = []
  for (const [name, fresh] of content) {
    rows.push('until' in fresh ? [name, fresh.until] : [name, fresh.cluster, fresh.epoch, fresh.at, fresh.time])
  }
  const payload = Buffer.from(JSON.stringify(rows)).toString('base64url')
  const secret = secrets[0]
  const token = secret === undefined ? `1.${payload}` : `1.${payload}.${sign(payload, secret)}`
  if (token.length > maxTokenLength)
    throw new TypeError(`A token of ${token.length} characters does not fit into a cookie`)
  return token
}

/**
 * Reads a token that somebody sent. Never throws: what is malformed, over-long, expired or (with secrets) not
 * signed by one of them is an empty content, as if nothing had been sent.
 *
 * @param maxAgeMs older entries are dropped, by the time of the primary's clock.
 */
export function decodeToken(
  token: string | null | undefined,
  options: { secrets?: readonly string[]; maxAgeMs?: number; now?: number } = {},
): TokenContent {
  const { secrets = [], maxAgeMs = 86_400_000, now = Date.now() } = options
  const content = new Map<string, Freshness>()
  if (typeof token !== 'string' || token.length > maxTokenLength || !token.startsWith('1.')) return content
  const [, payload = '', signature, ...rest] = token.split('.')
  if (rest.length > 0) return content
  if (secrets.length > 0 && !secrets.some((secret) => isSignedWith(payload, signature, secret))) return content
  for (const row of parseRows(payload)) {
    const [name, fresh] = row
    const stamped = 'until' in fresh ? fresh.until : fresh.time
    if (stamped > now - maxAgeMs && stamped < now + clockTolerance) content.set(name, fresh)
  }
  return content
}

function parseRows(payload: string): [string, Freshness][] {
  let rows: unknown
  try {
    rows = JSON.parse(Buffer.from(payload, 'base64url').toString())
  } catch {
    return []
  }
  if (!Array.isArray(rows)) return []
  const parsed: [string, Freshness][] = []
  for (const row of rows.slice(0, maxDatabases)) {
    if (!Array.isArray(row)) continue
    const [name, ...fields] = row as unknown[]
    const fresh = parseFreshness(fields)
    if (typeof name === 'string' && fresh !== undefined) parsed.push([name, fresh])
  }
  return parsed
}

function parseFreshness(fields: unknown[]): Freshness | undefined {
  if (fields.length === 1) {
    const [until] = fields
    return Number.isSafeInteger(until) ? { until: until as number } : undefined
  }
  const [cluster, epoch, at, time] = fields
  if (typeof cluster !== 'string' || typeof at !== 'string' || at === '') return undefined
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(time)) return undefined
  return { cluster, epoch: epoch as number, at, time: time as number }
}

function sign(payload: string, secret: string): string {
  const mac = createHmac('sha256', secret).update(`flyroute.token.v1.${payload}`).digest()
  return mac.subarray(0, signatureBytes).toString('base64url')
}

function isSignedWith(payload: string, signature: string | undefined, secret: string): boolean {
  const expected = Buffer.from(sign(payload, secret))
  const given = Buffer.from(signature ?? '')
  return expected.length === given.length && timingSafeEqual(expected, given)
}
