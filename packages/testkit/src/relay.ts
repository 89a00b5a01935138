import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { reset } from './reset.ts'

/** Something in front of a server that passes on what both sides say, in its own way. */
export abstract class Relay implements AsyncDisposable {
  /** The port that new connections lead to. */
  port: number
  /** How many connections were made. */
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  protected constructor(port: number) {
    this.port = port
    this.#server = createServer((near) => {
      this.connections++
      const far = connect(this.port, '127.0.0.1')
      this.#join(near, far)
      this.pass(near, far)
    })
  }

  /** The URL of the server, by way of this. */
  url(url: string): string {
    const through = new URL(url)
    through.port = String((this.#server.address() as AddressInfo).port)
    return through.href
  }

  /** Cuts all connections, without an orderly end. */
  cut(): void {
    for (const socket of this.#sockets) reset(socket)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  protected async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  /** Passes on what a client (`near`) and the server (`far`) say. */
  protected abstract pass(near: Socket, far: Socket): void

  /** One side ends with the other. */
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
  }
}
