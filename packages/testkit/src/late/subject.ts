import type { Replication } from '@flyroute/core'

/** A connection that is checked out from a pool. */
export interface LateConnection {
  query(sql: string): Promise<unknown>
  release(): void
}

/** An adapter's pool, in the words of the late work that is done with it. */
export interface LateSubject {
  readonly database: { readonly replication: Replication }
  query(sql: string): Promise<unknown>
  /** The same with a callback, in whatever context the driver calls it. */
  call(sql: string, callback: (error?: Error | null) => void): void
  connect(): Promise<LateConnection>
  /** Takes so many milliseconds, and only reads. */
  sleep(ms: number): string
  /** Takes 0.3 s, and then writes; no text shows that. */
  writeSlowly(id: number, part: number): string
  /** How many connections are neither idle nor gone, and how many calls wait for one. */
  readonly busy: number
  end(): Promise<unknown>
}

/** How many connections each pool may have. */
export const poolSize = 20
