import type { Socket } from 'node:net'
import { Relay } from '../relay.ts'
import { reset } from '../reset.ts'

/**
 * A stretch of wire in front of a server, of whichever protocol: it knows a statement by a mark in its text, counts how often
 * it is sent, and can cut the connection behind it, so that the server runs it and its client gets no answer.
 */
export class Wire extends Relay {
  /** Called with each chunk that a client sends; a statement of the suite fits into one. */
  onSent: (text: string) => void = () => undefined
  readonly #links = new Set<{ readonly near: Socket; readonly sent: string[] }>()
  readonly #sent: string[] = []
  readonly #cutsAt = new Set<string>()

  static to(port: number): Promise<Wire> {
    return new Wire(port).listen()
  }

  /** The connection on which the mark is sent next is cut: what was sent still arrives. */
  cutAt(mark: string): void {
    this.#cutsAt.add(mark)
  }

  /** Cuts all connections but those on which the mark was sent. */
  cutAllBut(mark: string): void {
    for (const { near, sent } of this.#links) if (!sent.some((text) => text.includes(mark))) reset(near)
  }

  /** How often the mark was sent. */
  timesSent(mark: string): number {
    return this.#sent.filter((text) => text.includes(mark)).length
  }

  protected override pass(near: Socket, far: Socket): void {
    const link = { near, sent: [] as string[] }
    this.#links.add(link)
    near.once('close', () => this.#links.delete(link))
    near.on('data', (chunk: Buffer) => {
      far.write(chunk)
      const text = chunk.toString('latin1')
      this.#sent.push(text)
      link.sent.push(text)
      this.onSent(text)
      for (const mark of this.#cutsAt) {
        if (!text.includes(mark)) continue
        this.#cutsAt.delete(mark)
        reset(near)
        far.end()
      }
    })
    far.on('data', (chunk: Buffer) => near.write(chunk))
  }
}
