import type { DatabaseCluster, DatabaseNode } from '../databases/cluster.ts'
import type { Network } from '../network/network.ts'
import { Ocean } from '../network/ocean.ts'

/** The ways from each region to the databases, and between the databases, across the oceans in between. */
export class Routes {
  readonly #network: Network
  readonly #oceans = new Map<string, Promise<Ocean>>()

  constructor(network: Network) {
    this.#network = network
  }

  /** The port by which a server in a region reaches a database; nodes are called after their regions. */
  async toNode(region: string, node: DatabaseNode): Promise<number> {
    if (region === node.name) return node.port
    const link = this.#network.link(region, node.name)
    // A replica that was added in the place of one that was taken away has another port.
    return this.#open(`${region}→${node.name}:${node.port}`, () => ({ link, port: node.port }))
  }

  /** The port by which an app in a region reaches the primary, whichever that is when it connects: as port 5432 of Fly Postgres. */
  async toPrimary(region: string, databases: DatabaseCluster): Promise<number> {
    return this.#open(`${region}→primary`, () => {
      const { name, port } = databases.primary
      return { link: this.#network.link(region, name), port }
    })
  }

  async #open(name: string, shore: Parameters<typeof Ocean.open>[0]): Promise<number> {
    const ocean = this.#oceans.get(name) ?? Ocean.open(shore)
    this.#oceans.set(name, ocean)
    return (await ocean).port
  }

  async close(): Promise<void> {
    await Promise.all([...this.#oceans.values()].map(async (ocean) => (await ocean).close()))
  }
}

/** The same URL with another port. */
export function withPort(url: string, port: number): string {
  const changed = new URL(url)
  changed.port = String(port)
  return changed.href
}
