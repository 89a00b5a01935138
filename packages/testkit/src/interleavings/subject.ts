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
  /** Makes a socket of the driver's, which the driver connects. */
  readonly stream: () => Duplex
  /** Makes one that is connecting. @param isOwn for our own questions, which no pool knows of */
  readonly connect: (host: string, isOwn: boolean) => Duplex
  /** How many connections there are to the local server, and to the primary where that is another one. */
  readonly max: number
  readonly primaryMax: number
}

/** An adapter whose interleavings are searched. */
export interface InterleavingsAdapter {
  readonly name: string
  /** What its servers speak. */
  readonly protocol: 'postgres' | 'mysql'
  open(options: InterleavingsOptions): InterleavingsPool
}
