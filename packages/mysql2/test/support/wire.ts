import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { reset } from '@flyroute/testkit'

/** What the wire can be told to do when a client sends a command. */
export type OnCommand = (text: string, wire: { cut(): void; swallow(): void }) => void

/**
 * A stretch of wire in front of a server. It reads along what a client sends, by the packets of MySQL's protocol, can cut the
 * connection, or keep to itself what the server answers from then on.
 */
export class Wire implements AsyncDisposable {
  onCommand: OnCommand = () => undefined
  /** How many connections were made. */
  connections = 0
  readonly #port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(port: number) {
    this.#port = port
    this.#server = createServer((near) => {
      this.connections++
      this.#join(near, connect(this.#port, '127.0.0.1'))
    })
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
    let isSwallowing = false
    const wire = {
      // What the client has sent is still delivered.
      cut: () => {
        reset(near)
        far.end()
      },
      swallow: () => {
        isSwallowing = true
      },
    }
    near.on('data', (chunk: Buffer) => {
      far.write(chunk)
      // A command of these tests fits into one packet, and into one chunk.
      if (chunk[3] === 0 && chunk.length > 5) this.onCommand(chunk.toString('latin1', 5), wire)
    })
    far.on('data', (chunk: Buffer) => isSwallowing || near.write(chunk))
  }
}
