import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { reset } from '../reset.ts'

/** One address under which several servers take turns, as a name with several addresses does. */
export class RoundRobin implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets: Set<Socket> = new Set()
  #turn = 0

  private constructor(ports: () => readonly number[]) {
    this.#server = createServer((near) => {
      const all = ports()
      const far = connect(all[this.#turn++ % all.length] as number, '127.0.0.1')
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket.setNoDelay(true)
        socket.once('close', () => this.#sockets.delete(socket))
      }
      near.on('error', () => far.destroy()).on('close', () => far.destroy())
      far.on('error', () => reset(near)).on('close', () => near.destroy())
      near.pipe(far).pipe(near)
    })
  }

  /** @param ports of the servers, asked anew for each connection */
  static async open(ports: () => readonly number[]): Promise<RoundRobin> {
    const balancer = new RoundRobin(ports)
    balancer.#server.listen(0, '127.0.0.1')
    await once(balancer.#server, 'listening')
    return balancer
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }
}
