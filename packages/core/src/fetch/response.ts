import { type ReplayPolicy, scopeOf, type Verdict, type Visit } from '../policy.ts'
import { drainInScope, readInScope } from './stream.ts'

/** Replaces the handler's response by ours, or lets it pass with what is added. */
export function finish(policy: ReplayPolicy, visit: Visit, response: Response): Response {
  const { answer, headers } = policy.after(visit, { status: response?.status })
  if (answer !== undefined) {
    discard(visit, response)
    return withHeaders(new Response(answer.body, answer), headers)
  }
  const stream = isResponse(response) ? streamOf(response) : undefined
  if (stream !== undefined && !stream.locked) readInScope(stream, scopeOf(visit))
  return headers.length === 0 || !isResponse(response) ? response : withHeaders(response, headers)
}

/** The app's own answer is not sent: to what makes its body it is as if it were. */
export function discard(visit: Visit, response: Response): void {
  const stream = isResponse(response) ? streamOf(response) : undefined
  if (stream !== undefined && !stream.locked) drainInScope(stream, scopeOf(visit))
}

/** Servers have answers of their own besides (an upgraded connection, say): they pass as they are. */
function isResponse(response: Response | undefined): response is Response {
  return response !== undefined && response.status >= 200 && typeof response.headers?.append === 'function'
}

/** A copy of a response with further headers: an app may keep its own and answer with it again. */
export function withHeaders(response: Response, headers: Verdict['headers']): Response {
  const copy = new Response(response.body, response)
  for (const [name, value] of headers) {
    if (name === 'set-cookie') copy.headers.append(name, value)
    else copy.headers.set(name, value)
  }
  return copy
}

/**
 * The body of a response, where it may be made while it is read. Servers have lighter responses than the platform's, whose
 * body costs much to ask for: @hono/node-server's keep what they were made of in a list under a symbol.
 */
function streamOf(response: Response): ReadableStream | undefined {
  if (Object.getPrototypeOf(response) === nativePrototype) {
    return isBun && !response.headers.has('content-type') ? undefined : (response.body ?? undefined)
  }
  for (const symbol of Object.getOwnPropertySymbols(response)) {
    const kept = (response as unknown as Record<symbol, unknown>)[symbol]
    const stream = Array.isArray(kept) ? kept.find((one) => one instanceof ReadableStream) : undefined
    if (stream !== undefined) return stream
  }
  return undefined
}

/** Bun says `text/plain` of a text that was given no type, and forgets that where the body is read. */
const isBun = 'Bun' in globalThis

/** The platform's own Response, also where a server has put its own in its place, on top of it. */
const nativePrototype = lastBeforeObject(Response.prototype)

function lastBeforeObject(prototype: object): object {
  const next = Object.getPrototypeOf(prototype) as object
  // By its own prototype: a realm of tests has another Object than the platform's classes.
  return Object.getPrototypeOf(next) === null ? prototype : lastBeforeObject(next)
}
