import type { IncomingRequest, UnmeasuredBody } from '../policy.ts'
import { FetchBody } from './body.ts'

/** A Fetch request as the policy sees it. */
export class FetchRequest implements IncomingRequest {
  /** The request to hand on: another one than came in where its body has to be counted. */
  readonly current: Request
  readonly method: string
  readonly body: UnmeasuredBody | undefined

  constructor(request: Request) {
    this.method = request.method
    this.body = bodyOfUnknownLength(request)
    this.current = this.body instanceof FetchBody ? new Request(request, this.body.init) : request
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

/** What somebody has read before us: nobody can tell any more whether the proxy can replay it. */
const readBefore: UnmeasuredBody = {
  bytes: Number.POSITIVE_INFINITY,
  complete: true,
  measure: () => Promise.resolve(false),
}

function bodyOfUnknownLength(request: Request): UnmeasuredBody | undefined {
  // Asking for the body makes light-weight requests of servers heavy: only where there is one, and nobody knows its length.
  if (request.method === 'GET' || request.method === 'HEAD' || request.headers.has('content-length')) return undefined
  const { body } = request
  if (body === null) return undefined
  return request.bodyUsed || body.locked ? readBefore : new FetchBody(body)
}
