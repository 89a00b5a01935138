import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingRequest, Visit } from '../policy.ts'

/** A request of `node:http` as the policy sees it. What is costly is made only when somebody asks. */
export class NodeRequest implements IncomingRequest {
  readonly method: string
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #unknownLength: boolean
  #headers: Headers | undefined
  #signal: AbortSignal | undefined
  #bytes = 0
  #complete = false

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request
    this.#response = response
    this.method = request.method ?? 'GET'
    this.#unknownLength =
      request.headers['transfer-encoding'] !== undefined && request.headers['content-length'] === undefined
    if (this.#unknownLength) this.#countBody()
  }

  get path(): string {
    // Frameworks that mount an app below a path shorten `url` and keep the whole one here.
    return (this.#request as { originalUrl?: string }).originalUrl ?? this.#request.url ?? '/'
  }

  get headers(): Headers {
    this.#headers ??= readHeaders(this.#request)
    return this.#headers
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController()
      this.#signal = controller.signal
      this.#response.once('close', () => controller.abort())
    }
    return this.#signal
  }

  bodySoFar(): { bytes: number; complete: boolean } {
    return this.#unknownLength ? { bytes: this.#bytes, complete: this.#complete } : { bytes: 0, complete: true }
  }

  /** Reads up to the limit, and puts back what was read for whoever comes after us. */
  measureBody(limit: number): Promise<boolean> {
    const request = this.#request
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      const finish = (fits: boolean): void => {
        request.off('readable', read).off('end', end).off('error', reject).off('close', end)
        resolve(fits)
      }
      const read = (): void => {
        let chunk: Buffer | null
        while (this.#bytes <= limit && (chunk = request.read() as Buffer | null) !== null) chunks.push(chunk)
        if (this.#complete && this.#bytes <= limit) return finish(true)
        if (this.#bytes <= limit) return
        if (chunks.length > 0) request.unshift(Buffer.concat(chunks))
        finish(false)
      }
      const end = (): void => finish(this.#complete && this.#bytes <= limit)
      request.on('readable', read).once('end', end).once('error', reject).once('close', end)
    })
  }

  /** Has the listeners of both streams run in the request's scope: body parsers, sessions that save at the end. */
  runEventsIn(visit: Visit): void {
    for (const emitter of [this.#request, this.#response] as EventEmitter[]) {
      const emit = emitter.emit
      emitter.emit = function (this: EventEmitter, ...event: Parameters<EventEmitter['emit']>): boolean {
        return visit.run(() => emit.apply(this, event))
      }
    }
  }

  /** Counts at the one place that every chunk passes, without reading anything away from the app. */
  #countBody(): void {
    const request = this.#request
    const push = request.push
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      if (chunk === null) this.#complete = true
      else this.#bytes += chunk.length
      return push.call(request, chunk, encoding)
    }
  }
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
