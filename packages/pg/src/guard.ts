import { ReplayUnavailableError } from '@flyroute/core'
import {
  type Activity,
  type Analysis,
  createStatementMemory,
  currentScope,
  type Freshness,
  notReplayable,
  type Position,
  type Role,
  runInScope,
  type Scope,
  type ServerInstance,
  type StatementMemory,
} from '@flyroute/core/adapter'
import type { PgDatabase } from './database.ts'
import {
  type BareClient,
  type Callback,
  type ClientClass,
  callbackOf,
  isSubmittable,
  type QueryArgument,
  type QueryConfig,
  type Submittable,
  textOf,
} from './driver-types.ts'
import { askPosition } from './position-query.ts'
import { abortedError, readError } from './refusal.ts'
import { addressOf } from './replication.ts'
import { newTransaction, noteStatement, type Transaction } from './transaction.ts'

/** Which pool a client belongs to. */
export type Side = 'local' | 'primary'

/** How long (ms) connecting next door may take, unless the app says: nobody waits for ever for a replica. */
const replicaDefaults = { connectionTimeoutMillis: 5_000 }

/** How long (ms) a statement waits for a replica that is behind: in a request, and in a job that nobody waits for. */
const requestWaitMs = 1_000
const jobWaitMs = 5_000
const pollMs = 5

/** A statement on its way: what every step needs of it. */
interface Statement {
  readonly config: QueryArgument
  readonly values: unknown
  readonly callback: unknown
  readonly analysis: Analysis
  readonly scope: Scope | undefined
}

/** A statement as the driver takes it, and what the caller gets. */
interface Outgoing {
  readonly query: Submittable
  readonly result: unknown
}

/**
 * The driver's client class, guarded at the one method that everything above goes through. On a replica it refuses
 * writes before a byte is sent and translates the server's refusals; on a primary it takes the position of what a
 * request has written. All else is the driver's.
 */
export function guardClient(Base: ClientClass, database: PgDatabase, side: Side): ClientClass {
  const { replication, classifier, observer, driver } = database
  const DatabaseError = driver.DatabaseError as unknown as Parameters<typeof abortedError>[0]

  class FlyrouteClient extends Base {
    #server: ServerInstance | undefined
    readonly #memory: StatementMemory = createStatementMemory(classifier)
    /** The server's word after each statement: idle, in a transaction, in a failed one. */
    #status: 'I' | 'T' | 'E' = 'I'
    #transaction: Transaction = newTransaction()
    /** Statements wait here while the decision about an earlier one takes time. */
    #deferred: Promise<unknown> | undefined
    /** The connection to the primary that has taken over for a transaction, or for the rest of the check-out. */
    #primary: { readonly client: Promise<BareClient>; readonly until: 'transaction' | 'release' } | undefined
    #releaseToPool: ((error?: unknown) => void) | undefined
    /** The server was a primary, and another one has taken over. */
    #isStale = false

    constructor(config?: unknown) {
      // Given to the connection and not to the pool, which would start a timer at each check-out.
      super(side === 'local' && replication.expects === 'replica' ? { ...replicaDefaults, ...(config as object) } : config)
      this.connection?.on('readyForQuery', ({ status }: { status: 'I' | 'T' | 'E' }) => {
        this.#status = status
        if (status === 'I') this.#transaction = newTransaction()
      })
      this.connection?.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
        // The server was promoted, or (behind a proxy) is another one: ask it anew.
        const { parameterName: name, parameterValue: value } = message
        if (name !== 'in_hot_standby' || this.#server === undefined) return
        if ((value === 'on') !== (this.#server.role === 'replica')) this.#greet().catch(() => undefined)
      })
      this.once('end', () => {
        // Ended by its server, not by the pool: it may be started anew, further back in the log.
        if (side === 'local' && this._ending !== true) replication.disconnected(this.#server)
      })
    }

    get role(): Role {
      if (this.#server !== undefined) return this.#server.role
      return side === 'primary' ? 'primary' : replication.topology.role
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      if (callback === undefined) return super.connect()?.then(() => this.#greet())
      const scope = currentScope()
      super.connect((error) => {
        if (error && side === 'primary' && scope !== undefined) scope.activity.primaryUnreachable = error
        if (error) return callback(error)
        this.#greet().then(
          () => callback(null, this),
          (failure: unknown) => callback(failure),
        )
      })
      return undefined
    }

    /** The pool sets this at each check-out. */
    override get release(): (error?: unknown) => void {
      return (error) => {
        this.#leavePrimary(error)
        // A member that is not what the settings say is left, so that the next connection looks again who is who.
        const misplaced = this.role === 'replica' && (side === 'primary' || replication.expects === 'primary')
        this.#releaseToPool?.(error ?? (misplaced || this.#isStale ? true : undefined))
      }
    }

    override set release(release: (error?: unknown) => void) {
      this.#releaseToPool = release
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      if (config === null || config === undefined) return super.query(config, values, callback)
      const argument = config as QueryArgument
      if (this.#deferred !== undefined)
        return this.#later(
          this.#deferred.then(() => this),
          argument,
          values,
          callback,
        )
      if (this.#primary !== undefined) return this.#later(this.#primary.client, argument, values, callback)
      const scope = currentScope()
      const onPrimary = this.role === 'primary'
      if (onPrimary && scope === undefined) return super.query(config, values, callback)
      const analysis = this.#analyse(argument)
      if (analysis === undefined) return super.query(config, values, callback)
      const statement: Statement = { config: argument, values, callback, analysis, scope }
      return onPrimary ? this.#onPrimary(statement, scope as Scope) : this.#onReplica(statement)
    }

    // --- on a primary -----------------------------------------------------------------------------------------------

    #onPrimary(statement: Statement, scope: Scope): unknown {
      const { analysis } = statement
      const { activity } = scope
      const need = replication.need(scope)
      if (need !== undefined && this.#server !== undefined && replication.isStalePrimary(need, this.#server)) {
        // Another server has taken over from this one, and this client has seen it: nothing of here may be shown.
        this.#isStale = true
        return this.#reject(statement, new ReplayUnavailableError('stale-primary', { retryAfterSeconds: 5 }))
      }
      const transaction = this.#transaction
      const open = this.#status !== 'I'
      const writes = analysis.access !== 'read' || activity.everyStatement
      const controls = analysis.transaction !== undefined && !analysis.several
      if (analysis.synchronousCommit) transaction.asynchronous = true
      if (open && analysis.transaction === 'commit') {
        // The COMMIT of a failed transaction is a ROLLBACK, and that of one that only read has no position.
        if (transaction.wrote && this.#status === 'T') return this.#withPosition(statement, activity, 'write')
      } else if (writes && !controls) {
        if (!open) return this.#withPosition(statement, activity, 'write')
        transaction.wrote = true
        activity.written.add(replication.name)
      }
      if (activity.consistency === 'monotonic' && !controls) return this.#withPosition(statement, activity, 'read')
      return super.query(statement.config, statement.values, statement.callback)
    }

    /** Runs a statement, and holds its result until the position behind it is known. */
    #withPosition(statement: Statement, activity: Activity, kind: 'write' | 'read'): unknown {
      const { analysis, values, callback } = statement
      const { query, result } = this.#outgoing(statement)
      const asynchronous = this.#transaction.asynchronous || analysis.synchronousCommit
      const { handleError, handleReadyForQuery } = query
      let ended = false
      const end = (outcome: 'done' | 'failed' | 'unknown'): void => {
        ended = true
        if (kind === 'write') replication.writeEnds(activity, outcome)
      }
      // The position comes behind the result, whose delivery waits for it.
      let deliver: (() => void) | undefined
      query.handleError = (error, connection) => {
        if (!ended) end(isAnswer(error) ? 'failed' : 'unknown')
        if (kind === 'write' && readError(error) === 'unavailable') activity.primaryUnreachable = error
        handleError?.call(query, error, connection)
      }
      query.handleReadyForQuery = (connection) => {
        const proceed = (): void => handleReadyForQuery?.call(query, connection)
        if (ended) return proceed()
        end('done')
        // A string that began a transaction of its own has not committed that one.
        if (this.#status === 'T') this.#transaction.wrote = true
        deliver = proceed
      }
      if (kind === 'write') replication.writeBegins(activity)
      if (isSubmittable(statement.config)) super.query(query, values, callback)
      else super.query(query)
      // A cursor, or a COPY, is not over when its first bytes are sent.
      const whole = query instanceof Base.Query && !query.rows && !analysis.reason.startsWith('copy')
      const context = {
        client: this,
        Query: Base.Query,
        send: (position: Submittable) => void super.query(position),
        onReplica: this.role === 'replica',
        cluster: this.#server?.cluster ?? '',
        epoch: this.#server?.epoch ?? 0,
        asynchronous,
      }
      askPosition(context, query, whole, (taken) => {
        if (deliver === undefined) return
        this.#record(activity, kind, taken)
        deliver()
      })
      return result
    }

    #record(activity: Activity, kind: 'write' | 'read', taken: Position | Error): void {
      if (taken instanceof Error) replication.withoutPosition(taken)
      const position = taken instanceof Error ? undefined : taken
      if (kind === 'write') replication.wrote(activity, position)
      else if (position !== undefined) replication.read(activity, position)
    }

    // --- on a replica -----------------------------------------------------------------------------------------------

    #onReplica(statement: Statement): unknown {
      const { analysis, scope } = statement
      const transaction = this.#transaction
      if (transaction.refusal !== undefined) return this.#inAborted(statement, transaction.refusal)
      // Whatever fails in a transaction that was begun as read-only would fail on the primary as well.
      if (this.#status !== 'I' && transaction.readOnly) return this.#send(statement)
      try {
        if (replication.route(analysis.access, analysis.reason, scope) === 'primary') return this.#toPrimary(statement)
      } catch (error) {
        return this.#refuse(statement, error as Error)
      }
      const need = replication.need(scope)
      if (need !== undefined && !replication.isFresh(this.#server, need)) return this.#whenFresh(statement, need)
      return this.#send(statement)
    }

    /** Sends a statement that belongs here. */
    #send(statement: Statement): unknown {
      const { config, values, callback, analysis, scope } = statement
      noteStatement(this.#transaction, config, analysis, this.#status !== 'I')
      if (scope?.activity.consistency === 'monotonic' && analysis.transaction === undefined) {
        return this.#withPosition(statement, scope.activity, 'read')
      }
      const { query, result } = this.#outgoing(statement)
      if (isSubmittable(config)) super.query(query, values, callback)
      else super.query(query)
      return result
    }

    /** Makes the query object that the driver would make, with the errors of a replica translated. */
    #outgoing(statement: Statement): Outgoing {
      const { config, values, callback } = statement
      if (isSubmittable(config)) {
        const { handleError } = config
        config.handleError = (error, connection) =>
          handleError?.call(config, this.#translate(error, statement), connection)
        return { query: config, result: config }
      }
      const query = new Base.Query(config, values, callback)
      const timeout = (config as QueryConfig).query_timeout
      if (timeout !== undefined) query.query_timeout = timeout
      let deliver = query.callback
      let result: unknown
      if (!deliver) {
        result = new Promise((resolve, reject) => {
          deliver = (error, value) => (error ? reject(error) : resolve(value))
        }).catch(retrace)
      } else if (typeof deliver !== 'function') {
        throw new TypeError('callback is not a function')
      }
      query.callback = (error, value) => {
        if (error) this.#failed(error, statement, deliver as Callback)
        else (deliver as Callback)(null, value)
      }
      return { query, result }
    }

    /** A statement failed: what a primary would have done is done there, what is the app's own error is passed on. */
    #failed(error: unknown, statement: Statement, deliver: Callback): void {
      const translated = this.#translate(error, statement)
      if (!(translated instanceof Rerun)) return deliver(translated)
      const { config, values, scope } = statement
      runInScope(scope, () => {
        const again = withoutCallback(config)
        const plain = typeof values === 'function' ? undefined : values
        ;(database.primaryPool().query(again, plain) as Promise<unknown>).then(
          (result) => deliver(null, result),
          deliver,
        )
      })
    }

    /** The error as the app shall see it, or the word that the statement is to be run once more, on the primary. */
    #translate(error: unknown, statement: Statement): unknown {
      const word = this.role === 'replica' ? readError(error) : undefined
      const transaction = this.#transaction
      if (word === undefined || (word === 'refusal' && transaction.readOnly)) return error
      const { analysis, config, scope } = statement
      if (word === 'refusal') classifier.learn(textOf(config) ?? '')
      if (word === 'unavailable') replication.failed(error)
      const again = this.#status === 'I' && !isSubmittable(config) && !transaction.used
      const reason = word === 'refusal' ? 'refused' : 'unavailable'
      try {
        // A read that replay cancelled is tried once on the primary, in a request or not.
        if (word === 'recovery-conflict' && again) return new Rerun()
        replication.toPrimary(reason, analysis.reason, scope, error)
        if (again) return new Rerun()
        if (word !== 'refusal') return error
        const obstacle = scope && notReplayable(scope.activity)
        return new ReplayUnavailableError(obstacle ?? 'outside-request', { cause: error })
      } catch (required) {
        return required
      }
    }

    /** Waits until this very server is as fresh as the scope asks, then sends; or goes where it is fresh already. */
    #whenFresh(statement: Statement, need: Freshness): unknown {
      const { config, values, callback, scope } = statement
      const fresh = this.#catchUp(need, scope).then((reached) => {
        if (reached) return this
        replication.toPrimary('stale', undefined, scope)
        return undefined
      })
      const ready = fresh.finally(() => {
        if (this.#deferred === ready) this.#deferred = undefined
      })
      this.#deferred = ready.catch(() => undefined)
      const deferred = this.#deferred
      const target = ready.then((here) => {
        if (this.#deferred === deferred) this.#deferred = undefined
        return here ?? this.#openPrimary(this.#status === 'I' ? 'transaction' : 'release')
      })
      return this.#later(target, config, values, callback)
    }

    async #catchUp(need: Freshness, scope: Scope | undefined): Promise<boolean> {
      const isJob = scope?.activity.kind === 'job'
      const timeoutMs = isJob ? jobWaitMs : requestWaitMs
      const { signal } = scope?.activity ?? {}
      if (replication.observes(this.#server)) return replication.catchUp(need, { timeoutMs, signal, patient: isJob })
      // One name may lead to several replicas: only this connection can ask its own.
      const until = Date.now() + Math.min(timeoutMs, isJob ? timeoutMs : replication.replayCostMs)
      for (;;) {
        await this.#greet()
        if (replication.isFresh(this.#server, need)) return true
        if (Date.now() >= until || signal?.aborted) return false
        await new Promise((resolve) => setTimeout(resolve, pollMs))
      }
    }

    // --- instead of the replica ---------------------------------------------------------------------------------------

    /** Runs a statement on the primary: a single one on any connection there, more than that on one of its own. */
    #toPrimary(statement: Statement): unknown {
      const { config, values, callback, analysis, scope } = statement
      const transaction = this.#transaction
      if (this.#status !== 'I' && transaction.used) {
        // What it has read here cannot be read again elsewhere as if nothing had happened.
        const obstacle = scope && notReplayable(scope.activity)
        return this.#refuse(
          statement,
          new ReplayUnavailableError(obstacle ?? 'outside-request', { detail: 'transaction' }),
        )
      }
      const session = analysis.reason === 'listen' || analysis.reason === 'advisory-lock'
      const single = this.#status === 'I' && analysis.transaction === undefined && !session && !isSubmittable(config)
      if (single) return database.primaryPool().query(config, values, callback)
      const until = session || isSubmittable(config) ? 'release' : 'transaction'
      return this.#later(this.#openPrimary(until), config, values, callback)
    }

    /** A connection to the primary that takes over from here, with the transaction that has only been begun. */
    #openPrimary(until: 'transaction' | 'release'): Promise<BareClient> {
      const begin = this.#status === 'I' ? undefined : this.#transaction.begin
      const client = database
        .primaryPool()
        .connect()
        .then(async (primary) => {
          primary.on('notification', this.#forward)
          if (begin === undefined) return primary
          await super.query('rollback')
          await primary.query(withoutCallback(begin))
          return primary
        })
      const delegate = { client, until }
      this.#primary = delegate
      client.then(
        (primary) => {
          if (until === 'transaction') this.#leaveWhenIdle(primary, delegate)
        },
        () => {
          if (this.#primary === delegate) this.#primary = undefined
        },
      )
      return client
    }

    /** Gives the primary's connection back at the end of its transaction. */
    #leaveWhenIdle(primary: BareClient, delegate: object): void {
      const idle = ({ status }: { status: string }): void => {
        if (status !== 'I') return
        primary.connection?.off('readyForQuery', idle)
        if (this.#primary === delegate) this.#leavePrimary()
      }
      primary.connection?.on('readyForQuery', idle)
    }

    #leavePrimary(error?: unknown): void {
      const left = this.#primary
      this.#primary = undefined
      left?.client.then(
        (client) => {
          client.off('notification', this.#forward)
          client.release?.(error)
        },
        () => undefined,
      )
    }

    readonly #forward = (message: unknown): void => {
      this.emit('notification', message)
    }

    // --- refusals -----------------------------------------------------------------------------------------------------

    /** Rejects a statement without sending it; a transaction that it was part of is aborted, as by the server. */
    #refuse(statement: Statement, error: Error): unknown {
      if (this.#status !== 'I') this.#transaction.refusal = error
      return this.#reject(statement, error)
    }

    /** In a transaction with a refused write, only its end passes. */
    #inAborted(statement: Statement, refusal: Error): unknown {
      const { config, values, callback, analysis } = statement
      if (analysis.several) return this.#reject(statement, abortedError(DatabaseError, refusal))
      switch (analysis.transaction) {
        case 'rollback':
          return super.query(config, values, callback)
        case 'rollback-to':
          this.#transaction.refusal = undefined
          return super.query(config, values, callback)
        case 'commit':
        case 'prepare':
          // As the server does: the COMMIT of an aborted transaction is answered with ROLLBACK.
          return super.query(withText(config, analysis.chain ? 'rollback and chain' : 'rollback'), values, callback)
        default:
          return this.#reject(statement, abortedError(DatabaseError, refusal))
      }
    }

    /** Delivers an error as the driver does: later, and to the callback, the promise or the object that was handed in. */
    #reject({ config, values, callback }: Statement, error: Error): unknown {
      if (isSubmittable(config)) {
        config.callback ??= callbackOf(config, values, callback)
        process.nextTick(() => config.handleError?.(error, this.connection))
        return config
      }
      const deliver = callbackOf(config, values, callback)
      if (deliver === undefined) return Promise.reject(error)
      process.nextTick(deliver, error)
      return undefined
    }

    // --- helpers ------------------------------------------------------------------------------------------------------

    #analyse(config: QueryArgument): Analysis | undefined {
      const text = textOf(config)
      const name = typeof config === 'string' ? undefined : config.name
      if (text === undefined) return name === undefined ? undefined : this.#memory.recall(name)
      return name === undefined ? this.#memory.classify(text) : this.#memory.remember(name, text)
    }

    /** Runs a statement as soon as there is a client for it, in whichever form its caller waits for the answer. */
    #later(target: Promise<BareClient>, config: QueryArgument, values: unknown, callback: unknown): unknown {
      if (isSubmittable(config)) {
        target.then(
          (client) => client.query(config, values, callback),
          (error) => config.handleError?.(error, this.connection),
        )
        return config
      }
      const deliver = callbackOf(config, values, callback)
      if (deliver === undefined) return target.then((client) => client.query(config, values))
      target.then((client) => void client.query(config, values, callback), deliver)
      return undefined
    }

    /** Asks this connection's server what it is, ahead of anything else. */
    async #greet(): Promise<void> {
      const send = (sql: string): Promise<{ rows: unknown[] }> => super.query(sql) as Promise<{ rows: unknown[] }>
      const observation = await observer.ask(send, addressOf(this))
      this.#server = replication.connected(observation, side)
    }
  }
  return FlyrouteClient
}

/** The statement is to be run once more, on the primary. */
class Rerun {}

/** Whether the server itself said it: it did not happen. Anything else may have happened. */
function isAnswer(error: unknown): boolean {
  const { severity } = (error ?? {}) as { severity?: unknown }
  return typeof severity === 'string' && readError(error) !== 'unavailable'
}

function withText(config: QueryArgument, text: string): QueryArgument {
  return typeof config === 'string' ? text : { ...(config as QueryConfig), text }
}

function withoutCallback(config: QueryArgument): QueryArgument {
  if (typeof config === 'string') return config
  const { callback: _, ...rest } = config as QueryConfig
  return rest
}

/** As the driver does: a stack that leads to the app, not to the socket. */
function retrace(error: unknown): never {
  if (typeof error === 'object' && error !== null) Error.captureStackTrace(error)
  throw error
}
