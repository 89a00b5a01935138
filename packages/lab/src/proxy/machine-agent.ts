import { Agent, type ClientRequest } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Link } from '../network/network.ts'
import { OceanSocket } from '../network/ocean-socket.ts'
import { limits } from './limits.ts'

/** The connections from one edge to one Machine, kept alive between requests. */
export class MachineAgent extends Agent {
  readonly #open: () => Duplex
  readonly #idle = new WeakMap<Duplex, NodeJS.Timeout>()

  constructor(link: Link, port: number) {
    super({ keepAlive: true })
    const dial = (): ReturnType<typeof connect> => connect({ port, host: '127.0.0.1', noDelay: true })
    // Between its own nodes the real proxy keeps connections open, so no handshake crosses the ocean.
    this.#open = link.oneWayMs === 0 ? dial : () => new OceanSocket(link, dial, false)
  }

  override createConnection(): Duplex {
    return this.#open()
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const timer = setTimeout(() => socket.destroy(), limits.idleMs)
    this.#idle.set(socket, timer.unref())
    return true
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    clearTimeout(this.#idle.get(socket))
    super.reuseSocket(socket, request)
  }
}
