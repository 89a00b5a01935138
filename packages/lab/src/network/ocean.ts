import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Link } from './network.ts'
import { OceanSocket } from './ocean-socket.ts'
import { reset } from './reset.ts'

/** Where a connection leads, asked anew for each: a primary may move. */
export interface Shore {
  readonly link: Link
  readonly port: number
}

/** A TCP port on 127.0.0.1 with an ocean on its way: what connects there reaches a server in another region. */
export class Ocean {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(farShore: () => Shore) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#cross(near, farShore()))
  }

  static async open(farShore: () => Shore): Promise<Ocean> {
    const ocean = new Ocean(farShore)
    ocean.#server.listen(0, '127.0.0.1')
    await once(ocean.#server, 'listening')
    return ocean
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  #cross(near: Socket, { link, port }: Shore): void {
    this.#sockets.add(near)
    near.once('close', () => this.#sockets.delete(near))
    const far = new OceanSocket(link, () => connect({ port, host: '127.0.0.1', allowHalfOpen: true }), true)
    near.pipe(far).pipe(near)
    // A reset stays a reset: drivers tell it from an orderly end.
    near.on('error', (error) => far.destroy(error))
    far.on('error', () => reset(near))
    near.on('close', () => far.destroy())
    far.on('close', () => far.readableEnded || near.destroy())
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }
}
