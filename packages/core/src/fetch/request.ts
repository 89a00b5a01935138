import type { IncomingRequest } from '../policy.ts'
import { FetchBody } from './body.ts'

/** A Fetch request as the policy sees it. */
export class FetchRequest implements IncomingRequest {
  /** The request to hand on: another one than came in where its body has to be counted. */
  readonly current: Request
  readonly method: string
  readonly body: FetchBody | undefined

  constructor(request: Request) {
    this.method = request.method
    this.body = bodyOfUnknownLength(request)
    this.current = this.body === undefined ? request : new Request(request, this.body.init)
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

function bodyOfUnknownLength(request: Request): FetchBody | undefined {
  // Asking for the body makes light-weight requests of servers heavy: only where there is one, and nobody knows its length.
  if (request.method === 'GET' || request.method === 'HEAD' || request.headers.has('content-length')) return undefined
  return request.body === null || request.body.locked ? undefined : new FetchBody(request.body)
}
