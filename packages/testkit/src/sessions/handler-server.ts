import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** An HTTP server whose handler is another one for each request. */
export class HandlerServer implements AsyncDisposable {
  readonly #server: Server
  #listener: Listener = () => undefined

  private constructor() {
    this.#server = createServer((request, response) => void this.#listener(request, response))
  }

  static async open(): Promise<HandlerServer> {
    const server = new HandlerServer()
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  /** Sends one GET to this handler, and reads the answer to its end. */
  async ask(listener: Listener): Promise<void> {
    this.#listener = listener
    const { port } = this.#server.address() as AddressInfo
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false }, resolve).once('error', reject)
    })
    response.resume()
    await once(response, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
