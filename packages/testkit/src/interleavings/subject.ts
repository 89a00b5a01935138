import type { Duplex } from 'node:stream'
import type { Replication, Topology } from '@flyroute/core'

/** What a program uses of an adapter's object. */
export interface InterleavingsPool {
  readonly replication: Replication
  /** @returns the server's word on it, where the driver tells: `COMMIT`, `ROLLBACK`, … */
  query(text: string): Promise<{ readonly command?: string }>
  connect(): Promise<InterleavingsClient>
  end(): Promise<unknown>
}

export interface InterleavingsClient {
  query(text: string): Promise<{ readonly command?: string }>
  release(error?: Error): void
}

export interface InterleavingsOptions {
  /** Tells the databases of one app apart. */
  readonly name: string
  readonly topology: Topology
  /** Makes the driver's sockets. */
  readonly stream: () => Duplex
  /** How many connections there are to the local server, and to the primary where that is another one. */
  readonly max: number
  readonly primaryMax: number
}

/** An adapter whose interleavings are searched. */
export interface InterleavingsAdapter {
  readonly name: string
  open(options: InterleavingsOptions): InterleavingsPool
}
