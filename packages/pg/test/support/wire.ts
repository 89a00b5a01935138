import type { Socket } from 'node:net'
import { Relay, reset } from '@flyroute/testkit'

/** What the wire can be told to do when a client sends a statement. */
export type OnStatement = (text: string, cut: () => void) => void

/**
 * A stretch of wire in front of a server: it delays both directions, and reads along which statements a client sends, by
 * the messages of Postgres' protocol.
 */
export class Wire extends Relay {
  /** Texts of Query and Parse messages, in their order. */
  readonly statements: string[] = []
  onStatement: OnStatement = () => undefined
  /** What becomes of what the server says. */
  onAnswer: (chunk: Buffer) => Buffer = (chunk) => chunk
  #delayMs = 0

  static to(port: number): Promise<Wire> {
    return new Wire(port).listen()
  }

  /** @param ms one way; what is under way already arrives as it would have */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  protected override pass(near: Socket, far: Socket): void {
    const read = this.#reader(() => {
      reset(near)
      far.end()
    })
    near.on('data', (chunk: Buffer) => {
      this.#later(() => far.write(chunk))
      read(chunk)
    })
    far.on('data', (chunk: Buffer) => {
      const answer = this.onAnswer(chunk)
      this.#later(() => near.write(answer))
    })
  }

  #later(deliver: () => void): void {
    if (this.#delayMs === 0) deliver()
    else setTimeout(deliver, this.#delayMs).unref()
  }

  /** Reads the messages of a client: a type, a length, a body; the first one has no type. */
  #reader(cut: () => void): (chunk: Buffer) => void {
    let rest = Buffer.alloc(0)
    let isFirst = true
    return (chunk) => {
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        const head = isFirst ? 0 : 1
        if (rest.length < head + 4) return
        const length = head + rest.readUInt32BE(head)
        if (rest.length < length) return
        const type = isFirst ? '' : String.fromCharCode(rest[0] as number)
        const body = rest.subarray(head + 4, length)
        rest = rest.subarray(length)
        isFirst = false
        if (type !== 'Q' && type !== 'P') continue
        const strings = body.toString('utf8').split('\0')
        const text = (type === 'Q' ? strings[0] : strings[1]) ?? ''
        this.statements.push(text)
        this.onStatement(text, cut)
      }
    }
  }
}
