import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { reset } from '../reset.ts'

/**
 * A stretch of wire in front of a server, of whichever protocol: it knows a statement by a mark in its text, counts how often
 * it is sent, and can cut the connection behind it, so that the server runs it and its client gets no answer.
 */
export class Wire implements AsyncDisposable {
  /** The port that new connections lead to. */
  port: number
  /** Called with each chunk that a client sends; a statement of the suite fits into one. */
  onSent: (text: string) => void = () => undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #links = new Set<{ readonly near: Socket; readonly sent: string[] }>()
  readonly #sent: string[] = []
  readonly #cutsAt = new Set<string>()

  private constructor(port: number) {
    this.port = port
    this.#server = createServer((near) => this.#join(near, connect(this.port, '127.0.0.1')))
  }

  static async to(port: number): Promise<Wire> {
    const wire = new Wire(port)
    wire.#server.listen(0, '127.0.0.1')
    await once(wire.#server, 'listening')
    return wire
  }

  /** The URL of the server, by way of this wire. */
  url(url: string): string {
    const through = new URL(url)
    through.port = String((this.#server.address() as { port: number }).port)
    return through.href
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #join(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
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
