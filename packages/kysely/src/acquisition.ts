import type { Scope, Watchdog } from '@flyroute/core/adapter'
import type { DatabaseConnection, Driver } from 'kysely'
import type { KyselyConnection } from './connection.ts'
import type { ExecuteOptions } from './statement.ts'
import { Wait } from './watchdog.ts'

/** What connections are acquired from. */
interface Lender {
  readonly watchdog: Watchdog | undefined
  guardLocal(inner: DatabaseConnection): KyselyConnection
  mustIdentify(connection: KyselyConnection, scope: Scope | undefined): boolean
  identifies(connection: KyselyConnection): Promise<void>
  lends(connection: KyselyConnection, scope: Scope | undefined): KyselyConnection | Promise<never>
  giveBack(connection: KyselyConnection, isUnfit: boolean): void
  acquireElsewhere(error: unknown, scope: Scope | undefined, options: ExecuteOptions): Promise<KyselyConnection>
}

/**
 * The wait for a connection to the local server: it ends with one that has said what it is, or elsewhere as soon as it is clear
 * that there will be none. An object, since it is made for each statement: no closure holds what it needs.
 */
export class Acquisition extends Wait<KyselyConnection> {
  override readonly patience = 0
  readonly #lender: Lender
  readonly #scope: Scope | undefined
  readonly #options: ExecuteOptions

  constructor(lender: Lender, local: Driver, scope: Scope | undefined, options: ExecuteOptions) {
    super(lender.watchdog)
    this.#lender = lender
    this.#scope = scope
    this.#options = options
    local.acquireConnection(options).then(
      (inner) => this.#comes(lender.guardLocal(inner)),
      (error: unknown) => this.cut(error),
    )
  }

  /** There will be none. */
  cut(error: unknown): void {
    this.over()?.(this.#lender.acquireElsewhere(error, this.#scope, this.#options))
  }

  #comes(connection: KyselyConnection): void {
    if (this.#lender.mustIdentify(connection, this.#scope)) void this.#identifies(connection)
    else this.#ends(connection)
  }

  async #identifies(connection: KyselyConnection): Promise<void> {
    try {
      await this.#lender.identifies(connection)
    } catch (error) {
      this.cut(error)
    }
    this.#ends(connection)
  }

  #ends(connection: KyselyConnection): void {
    const resolve = this.over()
    if (resolve !== undefined) resolve(this.#lender.lends(connection, this.#scope))
    // It comes too late, or is none that could be used.
    else this.#lender.giveBack(connection, false)
  }
}
