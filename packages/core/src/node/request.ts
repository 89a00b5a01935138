import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingRequest } from '../policy.ts'
import { NodeBody } from './body.ts'

/** A request of `node:http` as the policy sees it. What costs something is made when it is asked for. */
export class NodeRequest implements IncomingRequest {
  readonly method: string
  readonly body: NodeBody | undefined
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  #headers: Headers | undefined
  #signal: AbortSignal | undefined

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request
    this.#response = response
    this.method = request.method ?? 'GET'
    this.body = hasUnknownLength(request) ? new NodeBody(request) : undefined
  }

  get path(): string {
    // Frameworks that mount an app below a path shorten `url` and keep the whole one here.
    return (this.#request as { originalUrl?: string }).originalUrl ?? this.#request.url ?? '/'
  }

  get answerBegun(): boolean {
    return this.#response.headersSent
  }

  header(name: string): string | undefined {
    const { headers } = this.#request
    const value = headers[name] ?? (name === 'host' ? headers[':authority'] : undefined)
    return typeof value === 'object' ? value.join(', ') : value
  }

  get headers(): Headers {
    this.#headers ??= readHeaders(this.#request)
    return this.#headers
  }

  get signal(): AbortSignal {
    this.#signal ??= abortsWith(this.#response)
    return this.#signal
  }
}

function hasUnknownLength(request: IncomingMessage): boolean {
  const { headers, httpVersionMajor } = request
  if (headers['content-length'] !== undefined) return false
  if (httpVersionMajor < 2) return headers['transfer-encoding'] !== undefined
  // HTTP/2 says with the headers whether anything follows them.
  return (request as { stream?: { endAfterHeaders?: boolean } }).stream?.endAfterHeaders === false
}

function readHeaders({ headers }: IncomingMessage): Headers {
  const read = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    // HTTP/2's pseudo-headers are no headers.
    if (value === undefined || name.startsWith(':')) continue
    for (const one of Array.isArray(value) ? value : [value]) read.append(name, one)
  }
  return read
}

/** Aborts when the client has gone before its answer was written to the end. */
function abortsWith(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  if (response.closed && !response.writableFinished) controller.abort()
  response.once('close', () => {
    if (!response.writableFinished) controller.abort()
  })
  return controller.signal
}
