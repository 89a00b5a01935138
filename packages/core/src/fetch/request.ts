import type { IncomingRequest, UnmeasuredBody } from '../policy.ts'
import { BorrowedBody, FetchBody } from './body.ts'

/** A Fetch request as the policy sees it. */
class KnownRequest implements IncomingRequest {
  /** The request to hand on. */
  readonly current: Request
  readonly method: string
  readonly body: UnmeasuredBody | undefined

  constructor(current: Request, body: UnmeasuredBody | undefined) {
    this.method = current.method
    this.current = current
    this.body = body
  }

  get path(): string {
    const { url } = this.current
    const start = url.indexOf('/', url.indexOf('://') + 3)
    return start === -1 ? '/' : url.slice(start)
  }

  get headers(): Headers {
    return this.current.headers
  }

  get signal(): AbortSignal {
    return this.current.signal
  }

  header(name: string): string | undefined {
    // A request that was made and not received has no header `host`.
    return this.headers.get(name) ?? (name === 'host' ? new URL(this.current.url).host : undefined)
  }
}

/** A request that its handler gets from us: another one than came in where its body has to be counted. */
export class FetchRequest extends KnownRequest {
  constructor(request: Request) {
    const stream = bodyOfUnknownLength(request)
    const body = stream === undefined || isRead(request) ? stream && readBefore : new FetchBody(stream)
    super(body instanceof FetchBody ? new Request(request, body.init) : request, body)
  }
}

/** A request that its handler gets from other code: its body stays as it is, and a copy is measured. */
export class BorrowedRequest extends KnownRequest {
  constructor(request: Request) {
    const stream = bodyOfUnknownLength(request)
    super(request, stream && (isRead(request) ? readBefore : new BorrowedBody(request)))
  }
}

/** What other code has read before us: whether the proxy can replay it is not known any more. */
const readBefore: UnmeasuredBody = {
  bytes: Number.POSITIVE_INFINITY,
  complete: true,
  measure: () => Promise.resolve(false),
}

function isRead(request: Request): boolean {
  return request.bodyUsed || request.body?.locked === true
}

function bodyOfUnknownLength(request: Request): ReadableStream<Uint8Array<ArrayBuffer>> | undefined {
  // Asking for the body makes light-weight requests of servers heavy: only where there is one, and its length is not known.
  if (request.method === 'GET' || request.method === 'HEAD' || request.headers.has('content-length')) return undefined
  return request.body ?? undefined
}
