import type pg from 'pg'
import type { OperationName } from './operations.ts'

/** Where an ORM is to get its connections from: the bare driver's or flyroute's, it cannot tell which. */
export interface Source {
  /** Where the database is, for an ORM that wants to know although it is given a pool. */
  readonly url: string
  /** A pool, made when it is asked for; it ends when the ORM does. */
  readonly pool: pg.Pool
  /** The module `pg`, or a drop-in for it. */
  readonly driver: typeof pg
}

/** An ORM that is connected. */
export interface Opened<Db> {
  readonly db: Db
  /** Connections that are checked out of its pool now. */
  inUse(): number
  /** Ends it. A pool that was handed in is ended by its maker. */
  close(): Promise<unknown>
}

/** One operation in an ORM's own words: resolves with what the ORM has answered, as plain data. */
export type Run = () => Promise<unknown>

/** What a suite says of its ORM: how it does each operation, but for those it lacks. */
export interface OrmSuite<Db, Lacking extends OperationName = OperationName> {
  /** Connects it, in its own way. */
  open(source: Source): Promise<Opened<Db>> | Opened<Db>
  /** What an app does at boot with what it has made, if anything. */
  connect?(db: Db): Promise<unknown>
  /** Everything that it is asked to do. */
  operations(db: Db): Record<Exclude<OperationName, Lacking>, Run>
  /** Its migrations are run by a program of its own, and by no code of an app. */
  readonly migratesBySelf?: boolean
  /** What it does not have, and why. */
  readonly lacks: Record<Lacking, string>
}

/** The suite of an ORM, with its types. */
export function defineOrm<Db, Lacking extends OperationName = never>(
  suite: OrmSuite<Db, Lacking>,
): OrmSuite<Db, Lacking> {
  return suite
}
