import type { Socket } from 'node:net'
import { Relay } from '../relay.ts'

/** A server in another region: what both sides say arrives half a round trip later. */
export class Ocean extends Relay {
  readonly #oneWayMs: number
  readonly #sent: string[] = []

  /** @param roundTripMs there and back */
  static to(port: number, roundTripMs: number): Promise<Ocean> {
    return new Ocean(port, roundTripMs).listen()
  }

  private constructor(port: number, roundTripMs: number) {
    super(port)
    this.#oneWayMs = roundTripMs / 2
  }

  /** How often a mark was sent across, in a text. */
  timesSent(mark: string | number): number {
    return this.#sent.filter((text) => text.includes(String(mark))).length
  }

  protected override pass(near: Socket, far: Socket): void {
    near.on('data', (chunk: Buffer) => {
      this.#sent.push(chunk.toString('latin1'))
      this.#later(far, chunk)
    })
    far.on('data', (chunk: Buffer) => this.#later(near, chunk))
  }

  /** Timers of the same length fire in the order in which they were made. */
  #later(socket: Socket, chunk: Buffer): void {
    setTimeout(() => socket.write(chunk), this.#oneWayMs)
  }
}
