import type { IncomingMessage } from 'node:http'
import type { UnmeasuredBody } from '../policy.ts'

/**
 * A chunked body, counted at the one place that every chunk passes on its way from the parser into the request, without
 * reading anything away from the app. While it is measured, the request keeps what comes in and holds nothing back.
 */
export class NodeBody implements UnmeasuredBody {
  bytes: number
  complete: boolean
  readonly #request: IncomingMessage
  #limit = -1
  #measured: ((fits: boolean) => void) | undefined

  constructor(request: IncomingMessage) {
    this.#request = request
    this.complete = request.complete
    // What other code has read before us is not counted any more.
    this.bytes = request.readableDidRead ? Number.POSITIVE_INFINITY : request.readableLength
    const push = request.push
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      this.#count(chunk)
      const more = push.call(request, chunk, encoding)
      // Full is what fills the proxy's buffer, not ours; there backpressure begins again.
      return more || this.bytes <= this.#limit
    }
  }

  measure(limit: number): Promise<boolean> {
    const request = this.#request
    const isFull = request.readableLength >= request.readableHighWaterMark
    if (this.complete || this.bytes > limit) return Promise.resolve(this.complete && this.bytes <= limit)
    // Other code reads it already, or could not be given it for too long: it is not ours to hurry it.
    if (request.readableFlowing !== null || isFull || request.destroyed) return Promise.resolve(false)
    this.#limit = limit
    return new Promise((resolve) => {
      this.#measured = resolve
      // A client that goes away: what it has begun to send is not replayed.
      request.once('close', () => resolve(false))
      // HTTP/2 sends nothing before the body is read.
      if (request.httpVersionMajor >= 2) request.read(0)
    })
  }

  #count(chunk: Buffer | null): void {
    if (chunk === null) this.complete = true
    else this.bytes += chunk.length
    if (!this.complete && this.bytes <= this.#limit) return
    this.#measured?.(this.bytes <= this.#limit)
    this.#measured = undefined
  }
}
