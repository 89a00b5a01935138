import type { UnmeasuredBody } from '../policy.ts'

/** A streamed body, counted on its way to the handler. What is read ahead of the handler is kept for it, in order. */
export class FetchBody implements UnmeasuredBody {
  bytes = 0
  complete = false
  /** What a request is made of that has this body instead. */
  readonly init: RequestInit & { duplex: 'half' }
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>
  readonly #ahead: Uint8Array<ArrayBuffer>[] = []

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.getReader()
    const counted = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull: async (controller) => {
          const chunk = this.#ahead.shift() ?? (await this.#read())
          if (chunk === undefined) controller.close()
          else controller.enqueue(chunk)
        },
        cancel: (reason) => this.cancel(reason),
      },
      // Nothing is read before the handler asks.
      { highWaterMark: 0 },
    )
    this.init = { body: counted, duplex: 'half' }
  }

  async measure(limit: number): Promise<boolean> {
    while (!this.complete && this.bytes <= limit) {
      // An error is met again by the handler, at its own reading.
      const chunk = await this.#read().catch(() => null)
      if (chunk === null) return false
      if (chunk !== undefined) this.#ahead.push(chunk)
    }
    return this.bytes <= limit
  }

  /** The rest is not wanted. */
  cancel(reason?: unknown): Promise<void> {
    return this.#reader.cancel(reason)
  }

  async #read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { done, value } = await this.#reader.read()
    if (done) this.complete = true
    else this.bytes += value.byteLength
    return value
  }
}

/**
 * The same for a request that is not ours to replace. What is measured is a copy, and the platform keeps what was read of
 * it for the handler; a body that was not measured counts as one that has not ended.
 */
export class BorrowedBody implements UnmeasuredBody {
  bytes = 0
  complete = false
  readonly #request: Request

  constructor(request: Request) {
    this.#request = request
  }

  async measure(limit: number): Promise<boolean> {
    const copy = new FetchBody(this.#request.clone().body as ReadableStream<Uint8Array<ArrayBuffer>>)
    const fits = await copy.measure(limit)
    this.bytes = copy.bytes
    this.complete = copy.complete
    // Its promise waits for the handler's half of the body as well.
    if (!fits) copy.cancel().catch(() => undefined)
    return fits
  }
}
