import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { DelayLine } from './delay-line.ts'
import type { Link } from './network.ts'
import { reset } from './reset.ts'

/** Bytes that may be under way in one direction before the sender has to wait: 20 MB a second over the longest link. */
const windowBytes = 4 * 1024 * 1024

/**
 * A TCP connection across a link. What is written arrives at the far end one way's time later; so does what comes back, the
 * news that no server listens there, and the end of either side.
 *
 * Emits `connect` when the near end learns that the far end has accepted.
 */
export class OceanSocket extends Duplex {
  #connecting = true
  readonly #out: DelayLine
  readonly #back: DelayLine
  readonly #opensAt: number
  #far: Socket | undefined
  #resumeWrite: (() => void) | undefined

  /**
   * @param connect opens the connection at the far end
   * @param handshake whether the first bytes wait for TCP's handshake, a full round trip; a proxy's warm connections need none
   */
  constructor(link: Link, connect: () => Socket, handshake: boolean) {
    super({ allowHalfOpen: true })
    this.#opensAt = handshake ? performance.now() + 2 * link.oneWayMs : 0
    this.#out = new DelayLine(link, () => this.#relieve())
    this.#back = new DelayLine(link, () => this.#listen())
    this.#out.send(0, () => this.#arrive(connect()))
  }

  get connecting(): boolean {
    return this.#connecting
  }

  #arrive(far: Socket): void {
    this.#far = far
    far.setNoDelay(true)
    const back = (bytes: number, deliver: () => void): void => this.#back.send(bytes, deliver)
    far.on('connect', () => back(0, () => this.#opened()))
    far.on('data', (chunk: Buffer) => {
      back(chunk.length, () => this.push(chunk))
      if (this.#back.bytes + this.readableLength > windowBytes) far.pause()
    })
    let ended = false
    far.on('end', () => {
      ended = true
      back(0, () => this.push(null))
    })
    far.on('error', (error) => back(0, () => this.destroy(error)))
    far.on('close', () =>
      back(0, () => {
        // What has arrived and not been read yet would be lost: after an orderly end it is read first.
        if (ended && !this.readableEnded) this.once('end', () => this.destroy())
        else this.destroy()
      }),
    )
    far.on('drain', () => this.#relieve())
  }

  #opened(): void {
    this.#connecting = false
    this.emit('connect')
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#out.send(chunk.length, () => this.#far?.write(chunk), this.#opensAt)
    if (this.#out.bytes + (this.#far?.writableLength ?? 0) < windowBytes) done()
    else this.#resumeWrite = done
  }

  #relieve(): void {
    if (!this.#resumeWrite || this.#out.bytes + (this.#far?.writableLength ?? 0) >= windowBytes) return
    const done = this.#resumeWrite
    this.#resumeWrite = undefined
    done()
  }

  override _final(done: () => void): void {
    this.#out.send(0, () => this.#far?.end(), this.#opensAt)
    done()
  }

  override _read(): void {
    this.#listen()
  }

  #listen(): void {
    if (this.#far?.isPaused() && this.#back.bytes + this.readableLength < windowBytes) this.#far.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#back.clear()
    // The far end hears of it when all that was sent before has arrived.
    this.#out.send(0, () => (error && this.#far ? reset(this.#far) : this.#far?.destroy()))
    done(error)
  }

  // What an HTTP agent expects of a socket.
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
