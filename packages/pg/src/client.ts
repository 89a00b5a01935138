import { currentScope, runInScope } from '@flyroute/core/adapter'
import { type ConnectionOptions, PgConnection } from './connection.ts'
import type { Callback, ClientClass } from './driver-types.ts'
import { setGuarded } from './guarded.ts'
import { keepPassword } from './options.ts'
import { hasFailed } from './own-question.ts'

/** What a client is made for. */
export type ClientPurpose = Pick<ConnectionOptions, 'database' | 'side' | 'answerMs' | 'isAlone'>

/** The driver's options that it is made with. */
interface ClientOptions {
  readonly connectionTimeoutMillis?: number | undefined
  readonly password?: unknown
}

/** The server is ready for a statement. */
interface ReadyMessage {
  readonly status: 'I' | 'T' | 'E'
}

/** What a client is made for, and with which of the driver's options. */
export interface ClientEntry extends ClientPurpose {
  readonly config: ClientOptions
}

/** Our classes of clients. */
const guardedClasses = new WeakSet<object>()

/** Whether a class is a guarded one of ours, or below one. */
export function isGuarded(Class: unknown): boolean {
  for (let one: unknown = Class; typeof one === 'function'; one = Object.getPrototypeOf(one)) {
    if (guardedClasses.has(one)) return true
  }
  return false
}

/**
 * The driver's client class, guarded at the one method that everything above goes through: `query`. Pools, ORMs, streams
 * and transactions all end there.
 *
 * @param enter reads what a client is constructed with
 */
export function guardClient(Base: ClientClass, enter: (config: unknown) => ClientEntry): ClientClass {
  const Guarded = class FlyrouteClient extends Base {
    readonly #guarded: PgConnection
    /** The server's word that the connection is established; kept from the driver until the server has said what it is. */
    #established: ReadyMessage | undefined
    #isEstablished = false
    #isIdentified = false

    constructor(config?: unknown) {
      const { config: own, ...purpose } = enter(config)
      super(own)
      keepPassword(this, own)
      this.#guarded = new PgConnection(this, {
        ...purpose,
        Query: Base.Query,
        query: FlyrouteClient.prototype.query,
        questionMs: own.connectionTimeoutMillis ?? 0,
        send: (query, values, callback) => super.query(query, values, callback),
      })
      setGuarded(this, this.#guarded)
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      const scope = currentScope()
      // A connection outlives the request that needed it first: its events belong to no request.
      return runInScope(undefined, () => {
        // The native client has no messages that could be kept from it: it is asked when it is connected.
        const isNative = this.connection === undefined
        if (callback === undefined) {
          const connecting = super.connect()
          return isNative ? connecting?.then((value) => this.#identify().then(() => value)) : connecting
        }
        // A pool that is not ours sends its first statement from here.
        const deliver: Callback = (error, client) => runInScope(scope, () => callback(error, client))
        void super.connect((error, client) => {
          if (error || !isNative) return deliver(error, client)
          this.#identify().then(() => deliver(null, client), deliver)
        })
        return undefined
      })
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      if (config === null || config === undefined) return super.query(config, values, callback)
      return this.#guarded.query(config, values, callback)
    }

    // These in place of listeners, which would be called, or moved aside for others, with each statement.

    override _handleReadyForQuery(message: ReadyMessage | undefined): void {
      // A connection that is not of the driver may say it without a message.
      if (message) this.#guarded.wire.isReady(message.status)
      this.#guarded.clock.stops()
      if (this.#isIdentified) return super._handleReadyForQuery?.(message)
      const isFirst = !this.#isEstablished
      this.#isEstablished = true
      if (this.#guarded.guard.isOnlyServer) {
        this.#isIdentified = true
        this.#guarded.isEstablished()
        return super._handleReadyForQuery?.(message)
      }
      this.#established = message
      if (isFirst) void this.#identifyFirst()
      else this.#guarded.wire.questions.finish()
    }

    override _handleErrorMessage(message: Error): void {
      // The driver would take it for the reason why the connection cannot be established.
      const { questions } = this.#guarded.wire
      if (!this.#isIdentified && questions.isAsking) return questions.fails(message)
      this.#guarded.clock.stops(message)
      super._handleErrorMessage?.(message)
    }

    override _handleNotice(message: unknown): void {
      if (!this.#guarded.wire.questions.isAsking) super._handleNotice?.(message)
    }

    override _pulseQueryQueue(): void {
      if (this.#guarded.wire.questions.takesTurn()) return
      super._pulseQueryQueue?.()
      this.#guarded.clock.looks()
    }

    override _errorAllQueries(error: Error): void {
      this.#guarded.clock.stops(error)
      this.#guarded.losesQueries(error)
      super._errorAllQueries?.(error)
      this.#guarded.wire.questions.failAll(error)
    }

    override _handleErrorEvent(error: Error): void {
      this.#guarded.dies()
      super._handleErrorEvent?.(error)
    }

    override end(callback?: () => void): Promise<void> | undefined {
      this.#guarded.leave()
      // The driver would break the connection off for what is under way.
      return this.#guarded.wire.questions.unseen(() => super.end(callback))
    }

    /**
     * Has the server say what it is before the driver, and with it the app, hears that the connection is established: ahead of
     * all that the app has queued, and seen by none of its listeners and limits.
     */
    async #identifyFirst(): Promise<void> {
      let failure: unknown
      try {
        await this.#guarded.guard.identify()
        this.#guarded.isEstablished()
      } catch (error) {
        failure = error
      }
      // As if the server's message came now: what it gives rise to keeps the driver's order of ticks and promises.
      process.nextTick(() => this.#identified(failure))
    }

    #identified(failure: unknown): void {
      this.#isIdentified = true
      // It has died meanwhile, and the driver has said so.
      if (hasFailed(this)) return
      if (failure === undefined) return super._handleReadyForQuery?.(this.#established)
      super._handleErrorEvent?.(failure as Error)
      void super.end(() => undefined)
    }

    async #identify(): Promise<void> {
      if (this.#guarded.guard.isOnlyServer) return
      try {
        await this.#guarded.guard.identify()
        this.#guarded.isEstablished()
      } catch (error) {
        // It will never be used: the pool has not got it yet.
        void super.end(() => undefined)
        throw error
      }
    }
  }
  guardedClasses.add(Guarded)
  return Guarded
}
