import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/**
 * The body of a client's request, streamed to a Machine and kept for the next one as long as it fits the limit. What exceeds
 * the limit is let through only to a Machine that has accepted the connection, as nothing can be sent again from then on.
 */
export class RequestBody {
  readonly isEmpty: boolean
  readonly #source: IncomingMessage
  readonly #limit: number
  readonly #kept: Buffer[] = []
  #bytes = 0
  #ended = false
  #accepted = false
  #reader: Readable | undefined
  #onProgress: (() => void) | undefined

  constructor(source: IncomingMessage, limit: number) {
    this.#source = source
    this.#limit = limit
    this.isEmpty = source.headers['content-length'] === undefined && source.headers['transfer-encoding'] === undefined
    source.on('data', (chunk: Buffer) => this.#receive(chunk))
    source.on('end', () => this.#end())
    source.on('close', () => this.#onProgress?.())
    source.pause()
  }

  /** Bytes received from the client. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether it is, or is said to be, too large to be sent again. */
  get exceedsLimit(): boolean {
    return this.#bytes > this.#limit || Number(this.#source.headers['content-length'] ?? 0) > this.#limit
  }

  /** The body from its beginning. There is one reader at a time. */
  read(): Readable {
    this.#accepted = false
    const reader = new Readable({ read: () => this.#flow() })
    this.#reader = reader
    for (const chunk of this.#kept) reader.push(chunk)
    if (this.#ended) reader.push(null)
    return reader
  }

  /** Says that the reader's Machine has accepted: it alone will see what exceeds the limit. */
  accept(): void {
    this.#accepted = true
    this.#flow()
  }

  /** Reads on without a reader, until the end or the limit. Returns whether all of it is there to be sent again. */
  async complete(): Promise<boolean> {
    this.#reader = undefined
    while (!this.#ended && !this.exceedsLimit && !this.#source.destroyed) {
      await new Promise<void>((resolve) => {
        this.#onProgress = resolve
        this.#source.resume()
      })
    }
    return this.#ended && !this.exceedsLimit
  }

  /** Reads the rest and drops it: a client that is still sending could not read the proxy's answer otherwise. */
  drain(): void {
    this.#reader = undefined
    this.#accepted = true
    this.#source.resume()
  }

  #receive(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes <= this.#limit || !this.#accepted) this.#kept.push(chunk)
    const wantsMore = this.#reader?.push(chunk) ?? true
    if (!wantsMore || (this.#bytes > this.#limit && !this.#accepted)) this.#source.pause()
    this.#onProgress?.()
  }

  #end(): void {
    this.#ended = true
    this.#reader?.push(null)
    this.#onProgress?.()
  }

  #flow(): void {
    if (this.#bytes <= this.#limit || this.#accepted) this.#source.resume()
  }
}
