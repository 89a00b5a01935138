import type { EventEmitter } from 'node:events'
import {
  type AskedConnection,
  boundedConnectMs,
  boundsOf,
  type DatabaseContext,
  Databases,
  DriverDatabase,
  gtids,
  type Member,
  mysqlFacts,
  type Position,
  type PrimaryPool,
  primaryBounds,
  type ResolvedOptions,
  refusesMysqlLogin,
  type Scope,
  type ServerInstance,
} from '@flyroute/core/adapter'
import type { PoolOptions } from 'mysql2'
import type { BareConnection } from './driver-types.ts'
import type { LivesOptions } from './lives.ts'
import { configFor } from './options.ts'
import { openOwn } from './own-connection.ts'

/** What is used of the pool to the primary. */
export interface PrimaryConnections extends PrimaryPool {
  connect(scope: Scope | undefined): Promise<BareConnection>
}

/** Makes the pool to the primary. */
export type OpenPrimary = (database: MysqlDatabase) => PrimaryConnections

/** One database with one configuration: what its pools and connections share. */
export class MysqlDatabase extends DriverDatabase<PrimaryConnections> {
  /** Pools whose listeners set up connections: what they do on `connection` is done for connections to the primary as well. */
  readonly pools: Set<EventEmitter> = new Set()
  readonly #options: ResolvedOptions<PoolOptions>
  readonly #openPrimary: OpenPrimary

  constructor(
    options: ResolvedOptions<PoolOptions>,
    context: DatabaseContext<MysqlDatabase>,
    openPrimary: OpenPrimary,
  ) {
    super(options, context, mysqlFacts)
    this.#options = options
    this.#openPrimary = openPrimary
  }

  /** The driver's options for the local server, in a copy of its own: the driver writes into it. */
  localConfig(): PoolOptions {
    const config = configFor(this.topology.local, this.#options.driverOptions)
    return this.replication.isBounded ? { connectTimeout: boundedConnectMs, ...config } : config
  }

  /** How long connections to the local server may last and be idle; undefined where the driver's options say it. */
  get localLives(): LivesOptions | undefined {
    const bounds = boundsOf(this.topology.local)
    if (bounds === undefined) return undefined
    const { maxIdle, idleTimeout } = this.#options.driverOptions
    return maxIdle === undefined && idleTimeout === undefined ? bounds : { lifetimeMs: bounds.lifetimeMs }
  }

  /** The same for those of the pool to the primary. */
  get primaryLives(): LivesOptions {
    return { idleMs: primaryBounds.idleMs, lifetimeMs: boundsOf(this.topology.primary)?.lifetimeMs }
  }

  /** The same for the primary. What the app says of its own pool holds for the one to the primary too, but for its size. */
  primaryConfig(): PoolOptions {
    const { driverOptions, primaryPool } = this.#options
    const { connectionLimit, maxIdle: _, ...rest } = driverOptions
    const { connections, connectMs } = primaryBounds
    return {
      ...configFor(this.topology.primary, { connectTimeout: connectMs, ...rest }),
      // None, and 0, is as many as there may be.
      connectionLimit: Math.min(connectionLimit || connections, connections),
      ...primaryPool,
    }
  }

  /** The place of a server in its log, by its own clock. */
  positionAt(server: ServerInstance | undefined, at: string): Position {
    const time = Math.max(0, Math.round(Date.now() + (server?.clockOffsetMs ?? 0)))
    return { cluster: server?.cluster ?? '', epoch: server?.epoch ?? 0, at, time }
  }

  protected override connect(member: Member, lost: () => void): Promise<AskedConnection> {
    return openOwn(member === 'local' ? this.localConfig() : this.primaryConfig(), lost)
  }

  protected override openPrimary(): PrimaryConnections {
    return this.#openPrimary(this)
  }
}

/** Opens databases, or the one of a pool. */
export function openDatabases(openPrimary: OpenPrimary): Databases<ResolvedOptions<PoolOptions>, MysqlDatabase> {
  return new Databases({
    dialect: 'mysql',
    source: { algebra: gtids, isLoginRefused: refusesMysqlLogin },
    open: (options, context) => new MysqlDatabase(options, context, openPrimary),
  })
}
