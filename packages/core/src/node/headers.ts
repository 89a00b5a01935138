import type { ServerResponse } from 'node:http'
import type { Verdict } from '../policy.ts'

/** What `writeHead` takes: an object, a flat list of names and values, or a list of pairs. */
export type HeadersArgument = Parameters<ServerResponse['writeHead']>[1]

/** What describes the answer that is not sent. What an app says with every answer (CORS, security) stays. */
const ofOneAnswer =
  /^(content-(disposition|encoding|language|length|location|md5|range|type)|accept-ranges|age|cache-control|etag|expires|fly-replay.*|last-modified|link|location|retry-after|set-cookie|trailer|transfer-encoding|www-authenticate)$/

/** Takes back what was said of an answer that another one replaces. */
export function clearAnswer(response: ServerResponse): void {
  // HTTP/2 has no reason phrase, and warns where one is read.
  if (response.req?.httpVersionMajor !== 2) response.statusMessage = ''
  for (const name of response.getHeaderNames()) {
    if (ofOneAnswer.test(name.toLowerCase())) response.removeHeader(name)
  }
}

/**
 * Adds ours beside the app's own, wherever it has put them: what `writeHead` is given replaces what `setHeader` was, name
 * by name, so each of ours goes where the app's of the same name is, and else where `writeHead` gets its others.
 *
 * @returns what `writeHead` is to be given
 */
export function addHeaders(
  response: ServerResponse,
  given: HeadersArgument,
  added: Verdict['headers'],
): HeadersArgument {
  let headers = given
  for (const [name, value] of added) {
    const wasSetBefore = response.hasHeader(name) && !mentions(headers, name)
    if (headers === undefined || headers === null || wasSetBefore) setBeside(response, name, value)
    else headers = withHeader(headers, name, value)
  }
  return headers
}

function setBeside(response: ServerResponse, name: string, value: string): void {
  const others = name === 'set-cookie' ? response.getHeader(name) : undefined
  response.setHeader(name, others === undefined ? value : [others, value].flat().map(String))
}

function withHeader(headers: NonNullable<HeadersArgument>, name: string, value: string): HeadersArgument {
  if (Array.isArray(headers)) {
    const row = Array.isArray(headers[0]) ? [[name, value]] : [name, value]
    return [...headers, ...row] as HeadersArgument
  }
  const own = Object.keys(headers).find((key) => key.toLowerCase() === name)
  const others = name === 'set-cookie' && own !== undefined ? headers[own] : undefined
  return { ...headers, [own ?? name]: others === undefined ? value : [others, value].flat().map(String) }
}

function mentions(headers: HeadersArgument, name: string): boolean {
  return namesOf(headers).some((given) => String(given).toLowerCase() === name)
}

function namesOf(headers: HeadersArgument): unknown[] {
  if (headers === undefined || headers === null) return []
  if (!Array.isArray(headers)) return Object.keys(headers)
  return Array.isArray(headers[0])
    ? headers.map((pair) => (pair as unknown as unknown[])[0])
    : headers.filter((_, index) => index % 2 === 0)
}
