import { ReplayUnavailableError } from '@flyroute/core'
import {
  type Analysis,
  createStatementMemory,
  currentScope,
  type Role,
  type ServerInstance,
  type StatementMemory,
} from '@flyroute/core/adapter'
import type { PgDatabase } from './database.ts'
import {
  type BareClient,
  type Callback,
  type QueryArgument,
  type QueryClass,
  type Release,
  textOf,
} from './driver-types.ts'
import { Rerun } from './failure.ts'
import type { Guarded } from './guarded.ts'
import { rawText, type Side } from './observer.ts'
import type { PlainSingle } from './plain-read.ts'
import { PrimarySide } from './primary-side.ts'
import { ReplicaSide } from './replica-side.ts'
import { Session } from './session.ts'
import { reject, type Single, Statement } from './statement.ts'

/** What a guard is made for. */
export interface GuardOptions {
  readonly database: PgDatabase
  readonly side: Side
  /** The class whose objects the driver makes of texts. */
  readonly Query: QueryClass
  /** How long (ms) the server may take to say what it is; 0: as long as it wants. */
  readonly greetingMs: number
  /** How long (ms) the answer to a statement may take, but for those that stay open (cursors, streams). Default: for ever. */
  readonly answerMs?: number
  readonly send: Guarded['send']
}

/** How long (ms) a connection to a member that should not be used is kept, so that not each statement makes a new one. */
const misplacedMs = 1_000

/**
 * The guard of one connection. It knows what its server is, and hands each statement on: unchanged, to the side that
 * takes positions behind writes, or to the side that refuses what a replica would refuse.
 */
export class Guard implements Guarded {
  readonly client: BareClient
  readonly database: PgDatabase
  readonly side: Side
  readonly Query: QueryClass
  readonly session: Session
  readonly send: Guarded['send']
  readonly answerMs: number | undefined
  /** The run of the server that this connection leads to; undefined until it has said what it is. */
  server: ServerInstance | undefined
  /** The statement of `pool.query` that the connection was checked out for, until it comes. */
  #expected: Single | undefined
  readonly #greetingMs: number
  /** The client's `query`, as it was made. */
  readonly #query: BareClient['query']
  readonly #memory: StatementMemory
  readonly #onPrimary: PrimarySide = new PrimarySide(this)
  readonly #onReplica: ReplicaSide = new ReplicaSide(this)
  #greetedAt = 0
  /** A server that said it was the primary has refused a write. */
  #isDoubtful = false
  readonly #onError = (error: unknown): void => {
    this.#onPrimary.lost(error)
    if (this.side === 'local') this.database.replication.servers.disconnected(this.server)
  }

  constructor(client: BareClient, { database, side, Query, greetingMs, answerMs, send }: GuardOptions) {
    this.client = client
    this.database = database
    this.side = side
    this.Query = Query
    this.send = send
    this.answerMs = answerMs
    this.#greetingMs = greetingMs
    this.#query = client.query
    this.session = new Session(client)
    this.#memory = createStatementMemory(database.classifier)
    this.#listen()
  }

  /** What the server says it is; until then, what the settings say. */
  get role(): Role {
    if (this.server !== undefined) return this.server.role
    return this.side === 'primary' ? 'primary' : this.database.replication.topology.role
  }

  /** What the client's `query` does, in all its forms. */
  query(config: QueryArgument, values: unknown, callback: unknown): unknown {
    if (this.#onReplica.isElsewhere) return this.#onReplica.follow(config, values, callback)
    const single = this.#expected
    this.#expected = undefined
    const isSingle = single !== undefined
    const scope = isSingle ? single.scope : currentScope()
    const isPrimary = this.role === 'primary'
    if (isPrimary && scope === undefined) return this.#onPrimary.pass(config, values, callback, scope, isSingle)
    const analysis = this.#analyse(config, single?.analysis)
    if (analysis === undefined) return this.send(config, values, callback)
    const statement = new Statement(config, values, callback, analysis, scope, isSingle)
    if (isPrimary && scope !== undefined) return this.#onPrimary.run(statement, scope.request)
    // A connection to the primary that has become one to a replica: there is nowhere else to go.
    if (this.side === 'primary') return reject(statement, new ReplayUnavailableError('no-primary'), this.client)
    return this.#onReplica.run(statement)
  }

  read(single: PlainSingle, answer: Callback): boolean {
    const isReady =
      this.server?.role === 'replica' &&
      this.side === 'local' &&
      // Nobody has put something in place of the method.
      this.client.query === this.#query &&
      this.session.isQuiet &&
      this.session.transaction === undefined &&
      !this.#onReplica.isElsewhere &&
      !this.#isMisplaced
    if (!isReady) return false
    const { config, values, analysis } = single
    if (typeof config !== 'string' && config.name !== undefined && config.text !== undefined) {
      this.#memory.remember(config.name, config.text)
    }
    this.#onReplica.sendPlain(config, values, analysis, answer)
    return true
  }

  judge({ config, values, analysis, scope }: PlainSingle, error: unknown): unknown {
    return this.#onReplica.judgePlain(config, values, analysis, scope, error)
  }

  /**
   * Asks this connection's server what it is.
   *
   * @throws ReplayUnavailableError when this should be the primary and is none
   */
  async greet(): Promise<void> {
    const { observer, replication } = this.database
    const ask = (text: string): Promise<{ rows: unknown[] }> => {
      const query = { text, types: rawText, rowMode: 'array', query_timeout: this.#greetingMs }
      return this.send(query) as Promise<{ rows: unknown[] }>
    }
    const observation = await observer.ask(ask, this.client, this.side)
    this.server = replication.servers.connected(observation, this.side)
    this.#greetedAt = Date.now()
    this.#stopsListening()
    this.#isDoubtful = false
    if (this.side === 'primary' && this.server.role === 'replica') throw new ReplayUnavailableError('no-primary')
  }

  lend(single?: Single): Release {
    this.#expected = single
    // What nothing will happen to but that it is sent and answered, the pool gives back as it would without us.
    if (single === undefined || this.#isMisplaced) this.#interceptRelease(single !== undefined)
    return this.client.release as Release
  }

  watchRelease(): void {
    this.#interceptRelease(true)
  }

  /** Gives a connection back that has taken over. */
  leave(error?: unknown): void {
    this.#onReplica.leave(error)
  }

  #interceptRelease(isSingle: boolean): void {
    const release = this.client.release as Release
    this.client.release = (error) => {
      this.leave(error)
      // The driver's pool drops a connection for any error of a statement; a refusal does it no harm.
      if (error && !(isSingle && isHarmless(error))) release(error)
      else release(this.#isMisplaced ? true : undefined)
    }
  }

  /** A member that is not what the settings say is left, so that the next connection looks again who is who. */
  get #isMisplaced(): boolean {
    if (this.#isDoubtful || this.#onPrimary.isStale) return true
    if (this.server !== undefined && this.database.replication.servers.mustLeave(this.server)) return true
    const { servers, topology } = this.database.replication
    if (this.role === 'primary' || servers.expects === 'replica') return false
    return topology.role === 'primary' || Date.now() - this.#greetedAt > misplacedMs
  }

  /** @param known what the pool has found out of the same text */
  #analyse(config: QueryArgument, known: Analysis | undefined): Analysis | undefined {
    const name = typeof config === 'string' ? undefined : config.name
    if (name === undefined && known !== undefined && known.prepared === undefined) return known
    const text = textOf(config)
    if (typeof text !== 'string') return name === undefined ? undefined : this.#memory.recall(name)
    if (name === undefined) return this.#memory.classify(text)
    this.#memory.remember(name, text)
    return known ?? this.database.classifier.classify(text)
  }

  #listen(): void {
    const { client, session, database, side } = this
    client.connection?.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
      if (message.parameterName === 'in_hot_standby') this.#standbyChanged(message.parameterValue === 'on')
    })
    client.connection?.on('errorMessage', (error: { code?: string }) => {
      session.fails()
      this.#onPrimary.lost(error)
      if (error.code !== '25006' || this.role !== 'primary' || session.transaction?.readOnly) return
      this.#isDoubtful = true
      if (side === 'local') database.replication.prober.probe().catch(() => undefined)
    })
    client.on('error', this.#onError)
  }

  /** The connection is about to die: we hear of that before the statements on it, and before anybody else who listens. */
  dies(): void {
    this.client.removeListener('error', this.#onError)
    this.client.prependListener('error', this.#onError)
  }

  /**
   * With a listener, a connection that dies while it is checked out does not end the process either. It has one until it is
   * established, and again when it dies (`dies`; the native client does not say): in between, the pool adds and removes its own
   * with each statement, which costs more where there is another.
   */
  #stopsListening(): void {
    if (this.client.connection !== undefined) this.client.removeListener('error', this.#onError)
  }

  /** The server was promoted: it says so of itself, on every connection that is used. */
  #standbyChanged(isStandby: boolean): void {
    if (this.server === undefined || isStandby === (this.server.role === 'replica')) return
    this.server.role = isStandby ? 'replica' : 'primary'
    this.greet().catch(() => undefined)
  }
}

/** The connection is as good as before: nothing was sent, or the server has said no. */
function isHarmless(error: unknown): boolean {
  if (error instanceof Rerun) return true
  const { code, reason } = error as { code?: unknown; reason?: unknown }
  return (code === 'ERR_PRIMARY_REQUIRED' && reason !== 'unavailable') || code === 'ERR_REPLAY_UNAVAILABLE'
}
