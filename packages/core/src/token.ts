import { Buffer } from 'node:buffer'
import { mergePositions, type Position, type PositionAlgebra } from './position.ts'
import { isSigned, sign } from './signature.ts'

/** What a client must see of one database: a position, or, where none could be had, the primary until a time. */
export type Freshness = Position | { readonly until: number }

/** A token's content: per database (by its name) how fresh a reader must be. */
export type TokenContent = ReadonlyMap<string, Freshness>

/** For how long (ms) readers are sent to the primary when no position of a write could be had. */
export const withoutPositionMs = 10_000

/** Longer tokens are not looked at: a cookie holds 4,096 bytes with its name and attributes. */
const maxTokenLength = 3_800
const maxDatabases = 16
/** Far more than any database calls itself, or its cluster. */
const maxNameLength = 128
/** Regions' clocks may differ by this much (ms). */
const clockTolerance = 60_000

/** One row of the encoded content: a position, or name and end of a time on the primary. */
type Row = [name: string, cluster: string, epoch: number, at: string, time: number] | [name: string, until: number]

/** Of two demands on one database the stricter one. A time on the primary is stricter than any position. */
export function stricter(a: Freshness, b: Freshness, algebra: PositionAlgebra): Freshness {
  if ('until' in a) return 'until' in b && b.until > a.until ? b : a
  if ('until' in b) return b
  return mergePositions(a, b, algebra)
}

/**
 * Writes a token. With secrets it is signed (HMAC-SHA256) with the first; without, it is readable and forgeable,
 * which can cost its bearer a bounded wait and a replay, and other clients nothing.
 *
 * Where positions are too long for a cookie (sets of GTIDs of many servers can be), the primary for a while takes the
 * place of the longest.
 */
export function encodeToken(content: TokenContent, secrets: readonly string[] = []): string {
  const rows: Row[] = []
  for (const [name, fresh] of content) {
    rows.push('until' in fresh ? [name, fresh.until] : [name, fresh.cluster, fresh.epoch, fresh.at, fresh.time])
  }
  for (;;) {
    const payload = Buffer.from(JSON.stringify(rows)).toString('base64url')
    const secret = secrets[0]
    const token = secret === undefined ? `1.${payload}` : `1.${payload}.${sign('token', payload, secret)}`
    const longest = rows.reduce((most, row, index) => (lengthOf(row) > lengthOf(rows[most]) ? index : most), 0)
    if (token.length <= maxTokenLength || lengthOf(rows[longest]) === 0) return token
    rows[longest] = [rows[longest]?.[0] as string, Date.now() + withoutPositionMs]
  }
}

function lengthOf(row: Row | undefined): number {
  return row?.length === 5 ? row[3].length : 0
}

/**
 * Reads a token that a client sent. Never throws: what is malformed, over-long, expired or (with secrets) not
 * signed by one of them is an empty content, as if nothing had been sent.
 *
 * @param options.maxAgeMs older entries are dropped, by the time of the primary's clock. Default: a day.
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
  if (secrets.length > 0 && !isSigned('token', payload, signature, secrets)) return content
  for (const [name, fresh] of parseRows(payload)) {
    const [stamped, oldest] = 'until' in fresh ? [fresh.until, now] : [fresh.time, now - maxAgeMs]
    if (stamped > oldest && stamped < now + clockTolerance) content.set(name, fresh)
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
    if (isName(name) && fresh !== undefined) parsed.push([name, fresh])
  }
  return parsed
}

function parseFreshness(fields: unknown[]): Freshness | undefined {
  if (fields.length === 1) return isWhole(fields[0]) ? { until: fields[0] } : undefined
  const [cluster, epoch, at, time] = fields
  if (!isName(cluster) || !isWhole(epoch) || !isWhole(time) || typeof at !== 'string') return undefined
  return { cluster, epoch, at, time }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxNameLength
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
