import type { ServerResponse } from 'node:http'
import type { ReplayPolicy, Verdict, Visit } from '../policy.ts'

type Headers = Parameters<ServerResponse['writeHead']>[1]

/**
 * Looks at the answer at the moment its headers leave, whichever of the ways the app or its framework takes: a replay
 * replaces it, a token is added to it. Before that moment nothing is touched.
 */
export function interceptAnswer(response: ServerResponse, policy: ReplayPolicy, visit: Visit): void {
  const { writeHead, write, end, flushHeaders } = response
  let decided = false
  let replaced = false

  /** Whether the app's answer is replaced by ours. */
  const isReplaced = (status: number, headers?: Headers): Headers | true | undefined => {
    if (replaced) return true
    if (decided || response.headersSent) return headers
    decided = true
    const verdict = policy.after(visit, { status })
    visit.headersSent()
    if (verdict.answer === undefined) return addHeaders(response, headers, verdict)
    replaced = true
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.statusMessage = ''
    writeHead.call(response, verdict.answer.status, verdict.answer.headers)
    end.call(response, verdict.answer.body, 'utf8')
    return true
  }

  response.writeHead = function (this: ServerResponse, status: number, ...rest: unknown[]): ServerResponse {
    // `writeHead(status, reason?, headers?)`
    const reason = typeof rest[0] === 'string' ? rest[0] : undefined
    const headers = isReplaced(status, (reason === undefined ? rest[0] : rest[1]) as Headers)
    if (headers === true) return this
    const args = reason === undefined ? [status, headers] : [status, reason, headers]
    return (writeHead as (...args: unknown[]) => ServerResponse).apply(this, args)
  } as typeof writeHead

  response.write = function (this: ServerResponse, ...args: unknown[]): boolean {
    if (isReplaced(this.statusCode) === true) return swallow(args, true)
    return (write as (...args: unknown[]) => boolean).apply(this, args)
  } as typeof write

  response.end = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    if (isReplaced(this.statusCode) === true) return swallow(args, this)
    return (end as (...args: unknown[]) => ServerResponse).apply(this, args)
  } as typeof end

  response.flushHeaders = function (this: ServerResponse): void {
    if (isReplaced(this.statusCode) !== true) flushHeaders.call(this)
  }
}

/** The app goes on writing to an answer that was replaced: it is told that all went well. */
function swallow<T>(args: unknown[], result: T): T {
  const done = args.find((arg) => typeof arg === 'function') as ((error?: Error) => void) | undefined
  if (done !== undefined) process.nextTick(done)
  return result
}

/** Adds ours beside the app's own, wherever it has put them: `setHeader`, or the arguments of `writeHead` in any form. */
function addHeaders(response: ServerResponse, headers: Headers, verdict: Verdict): Headers {
  let given = headers
  for (const [name, value] of verdict.headers) {
    // What `writeHead` is given replaces what was set before, so a cookie among it must be joined there.
    if (name === 'set-cookie' && mentions(given, name)) given = withCookie(given, value)
    else if (name === 'set-cookie') response.appendHeader(name, value)
    else response.setHeader(name, value)
  }
  return given
}

function mentions(headers: Headers, name: string): boolean {
  return namesOf(headers).some((given) => String(given).toLowerCase() === name)
}

function namesOf(headers: Headers): unknown[] {
  if (headers === undefined || headers === null) return []
  if (!Array.isArray(headers)) return Object.keys(headers)
  return Array.isArray(headers[0])
    ? headers.map((pair) => (pair as unknown as unknown[])[0])
    : headers.filter((_, index) => index % 2 === 0)
}

function withCookie(headers: Headers, value: string): Headers {
  if (Array.isArray(headers)) {
    const added = Array.isArray(headers[0]) ? [['set-cookie', value]] : ['set-cookie', value]
    return [...headers, ...added] as Headers
  }
  const joined: Record<string, unknown> = { ...(headers as object) }
  const name = Object.keys(joined).find((key) => key.toLowerCase() === 'set-cookie') as string
  joined[name] = [joined[name], value].flat()
  return joined as Headers
}
