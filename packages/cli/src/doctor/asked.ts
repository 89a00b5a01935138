import type { Ask, AskRows } from '@flyroute/core/adapter'

/** The kind of database that a URL leads to. */
export type Language = 'postgres' | 'mysql'

/** A connection to one server. */
export interface Asked {
  readonly ask: Ask
  readonly askRows?: AskRows
  end(): Promise<unknown>
}
