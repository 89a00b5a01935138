import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Transform } from './instruction.ts'

/** Headers as they travel: name, value, name, value, … in their order, repeated ones too. */
export type RawHeaders = readonly string[]

/** Headers of one connection that are not for the next one (RFC 9110, 7.6.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'upgrade',
])

/** Without the headers that concern only the connection they came by. */
export function endToEnd(headers: RawHeaders, alsoWithout: readonly string[] = []): string[] {
  const named = connectionOptions(headers)
  const drop = (name: string): boolean => hopByHop.has(name) || named.has(name) || alsoWithout.includes(name)
  return filter(headers, (name) => !drop(name))
}

/** Each header replaced, or added at the end; those that are undefined are left as they are. */
export function withHeaders(headers: RawHeaders, values: Readonly<Record<string, string | undefined>>): string[] {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const names = new Set(given.map(([name]) => name.toLowerCase()))
  return [...filter(headers, (name) => !names.has(name)), ...given.flat()]
}

/** "Delete headers from the request …", "Set new headers on the request, overwriting headers of the same name" */
export function transformed(headers: RawHeaders, transform: Transform | undefined): string[] {
  if (!transform) return [...headers]
  const deleted = new Set(transform.deleteHeaders.map((name) => name.toLowerCase()))
  const set = Object.fromEntries(transform.setHeaders.map(({ name, value }) => [name.toLowerCase(), value]))
  return withHeaders(
    filter(headers, (name) => !deleted.has(name)),
    set,
  )
}

/**
 * What the proxy tells every app ("Request headers" in the docs of Fly.io). A `fly-replay-src` or `fly-replay-failed` that the
 * client sent is let through: whether the real proxy strips it is not documented, and apps must survive it.
 */
export function toldByProxy(request: IncomingMessage, edge: string, id: string): Record<string, string> {
  const client = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '127.0.0.1'
  const port = String(request.socket.localPort)
  const list = (name: string, value: string): string => [request.headers[name], value].flat().filter(Boolean).join(', ')
  return {
    'fly-request-id': id,
    'fly-client-ip': client,
    'fly-region': edge,
    'fly-forwarded-proto': 'http',
    'fly-forwarded-ssl': 'off',
    'fly-forwarded-port': port,
    'x-forwarded-for': list('x-forwarded-for', client),
    'x-forwarded-proto': 'http',
    'x-forwarded-ssl': 'off',
    'x-forwarded-port': port,
    via: list('via', '1.1 fly.io'),
  }
}

/** As the real ones: 26 characters of Crockford's base 32, and the edge. */
export function requestId(edge: string): string {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  const characters = Array.from(randomBytes(26), (byte) => alphabet[byte % 32])
  return `${characters.join('')}-${edge}`
}

function connectionOptions(headers: RawHeaders): Set<string> {
  const values = headers.flatMap((value, index) =>
    headers[index - 1]?.toLowerCase() === 'connection' && index % 2 === 1 ? [value] : [],
  )
  return new Set(values.flatMap((value) => value.split(',').map((name) => name.trim().toLowerCase())))
}

function filter(headers: RawHeaders, keep: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ''
    if (keep(name.toLowerCase())) kept.push(name, headers[index + 1] ?? '')
  }
  return kept
}
