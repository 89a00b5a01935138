import type { Replication } from '@flyroute/core'
import type { Step } from './step.ts'

/** A connection that an app has taken from its pool. */
export interface SessionConnection {
  /** Resolves with the driver's result in plain values, all of them comparable; rejects with the driver's own error. */
  run(step: Step): Promise<unknown>
  /** @param destroy whether it is ended, rather than given back */
  release(destroy: boolean): void | Promise<void>
}

/** A pool: the bare driver's, or flyroute's. */
export interface SessionSubject {
  /** What is handed to a request's handler; only flyroute's have it. */
  readonly database?: { readonly replication: Replication }
  connect(): Promise<SessionConnection>
  end(): Promise<void>
}

/** How a subject of flyroute's is to be opened. */
export interface SessionOpenOptions {
  readonly env: Readonly<Record<string, string>>
  readonly outsideRequest: 'primary'
  /** How many connections at most to the local server, and to the primary. */
  readonly connections: number
}
