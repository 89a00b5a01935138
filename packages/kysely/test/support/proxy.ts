import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { reset } from '@flyroute/testkit'

/** A stretch of wire in front of a server, which can lose what the server says. */
export class Proxy implements AsyncDisposable {
  /** Where new connections lead to. */
  port: number
  /** Cuts a connection in place of passing on the server's next answer. */
  losesAnswers = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(port: number) {
    this.port = port
    this.#server = createServer((client) => this.#join(client, connect(this.port, '127.0.0.1')))
  }

  static async to(port: number): Promise<Proxy> {
    const proxy = new Proxy(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  /** The URL of the server, by way of this wire. */
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

  #join(client: Socket, server: Socket): void {
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    client.on('data', (chunk) => server.write(chunk))
    server.on('data', (chunk) => {
      if (this.losesAnswers) reset(client)
      else client.write(chunk)
    })
  }
}
