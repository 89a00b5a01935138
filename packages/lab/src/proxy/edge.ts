import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Hop, Journal } from '../journal.ts'
import type { Network } from '../network/network.ts'
import type { Candidate } from './candidates.ts'
import { type Client, type Outcome, plainClient, upgradingClient } from './client.ts'
import { requestId } from './headers.ts'
import { travel } from './journey.ts'
import { limits } from './limits.ts'
import { MachineAgent } from './machine-agent.ts'
import { ProxyError } from './proxy-error.ts'
import { ReplayCache } from './replay-cache.ts'
import { RequestBody } from './request-body.ts'

/** A Machine with the port on which its app listens. */
export interface EdgeMachine extends Candidate {
  readonly port: number
}

export interface EdgeOptions {
  readonly region: string
  /** The app whose address this is. */
  readonly app: string
  readonly network: Network
  readonly journal: Journal
  machines(): readonly EdgeMachine[]
}

/** The proxy in one region: where the clients nearby connect. */
export class Edge {
  readonly #options: EdgeOptions
  readonly #server: Server
  readonly #cache = new ReplayCache()
  readonly #agents = new Map<string, MachineAgent>()
  readonly #upgraded = new Set<Duplex>()
  #turn = 0

  constructor(options: EdgeOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      void this.#serve(request, (id, outcome) => plainClient(response, id, outcome))
    })
    this.#server.on('upgrade', (request, socket, head) => {
      this.#upgraded.add(socket)
      socket.once('close', () => this.#upgraded.delete(socket))
      void this.#serve(request, (id, outcome) => upgradingClient(socket, head, id, outcome))
    })
  }

  /** @param port 0: any that is free */
  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`
  }

  async #serve(request: IncomingMessage, accept: (id: string, outcome: Outcome) => Client): Promise<void> {
    const { region, app, network, journal } = this.#options
    const id = requestId(region)
    const startedAt = new Date()
    const began = performance.now()
    const hops: Hop[] = []
    const outcome: Outcome = { responseBytes: 0 }
    const client = accept(id, outcome)
    const body = new RequestBody(request, limits.replayBodyBytes)
    const edge = {
      region,
      app,
      cache: this.#cache,
      machines: () => this.#machinesInTurn(),
      agent: (machine: EdgeMachine) => this.#agent(machine),
      roundTrip: (to: string) => network.roundTrip(region, to),
    }
    await travel({ edge, request, body, client, id, hops }).catch((error: unknown) => {
      client.fail(error instanceof ProxyError ? error : new ProxyError('proxy_error', String(error)))
      body.drain()
    })
    journal.add({
      id,
      edge: region,
      method: request.method ?? '',
      path: request.url ?? '',
      startedAt,
      hops,
      status: outcome.status,
      error: outcome.error,
      milliseconds: performance.now() - began,
      requestBytes: body.bytes,
      responseBytes: outcome.responseBytes,
    })
  }

  /** Machines that are equally near take turns. */
  #machinesInTurn(): readonly EdgeMachine[] {
    const machines = this.#options.machines()
    const first = this.#turn++ % Math.max(1, machines.length)
    return [...machines.slice(first), ...machines.slice(0, first)]
  }

  #agent(machine: EdgeMachine): MachineAgent {
    const { network, region } = this.#options
    const agent = this.#agents.get(machine.id) ?? new MachineAgent(network.link(region, machine.region), machine.port)
    this.#agents.set(machine.id, agent)
    return agent
  }

  /** Drops the connections to a Machine that has stopped. */
  forget(machine: string): void {
    this.#agents.get(machine)?.destroy()
    this.#agents.delete(machine)
  }

  /** Drops the idle connections, which would lead into a cut link unnoticed. */
  dropIdle(): void {
    const idle = [...this.#agents.values()].flatMap((agent) => Object.values(agent.freeSockets).flat())
    for (const socket of idle) socket?.destroy()
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    for (const socket of this.#upgraded) socket.destroy()
    for (const agent of this.#agents.values()) agent.destroy()
    await once(this.#server, 'close')
  }
}
