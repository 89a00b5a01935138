import type { Classifier } from '../classify/classifier.ts'
import type { Analysis } from '../classify/types.ts'
import type { Ask } from '../dialect/ask.ts'
import type { Catalogue } from '../dialect/catalogue.ts'
import type { DialectFacts } from '../dialect/facts.ts'
import { ReplayUnavailableError } from '../errors.ts'
import { isHeard, publish } from '../events.ts'
import { asksForNothing, isPlainRead } from '../plain-read.ts'
import type { Position, Role, ServerInstance } from '../position.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import { isOnlyServer } from '../replication/only-server.ts'
import type { HeldConnections } from '../request/held.ts'
import type { Scope } from '../request/scope.ts'
import type { RequestState, WriteOutcome } from '../request/state.ts'
import type { Freshness } from '../token.ts'
import { Action, Effect } from './action.ts'
import { StatementCount } from './count.ts'
import { registerIntent } from './intent.ts'
import { Session } from './session.ts'
import { tellStatement } from './told-statement.ts'
import type { Transaction } from './transaction.ts'
import type { Wire } from './wire.ts'
import { Writes } from './writes.ts'

/**
 * What a connection was made for: for reads, on the local server; as one to the primary; or as one of a cluster's nodes, which
 * are where the app says, whatever they are.
 */
export type Side = 'local' | 'primary' | 'node'

/** One database: what the guards of all connections to it share. */
export interface GuardedDatabase {
  readonly replication: DatabaseReplication
  readonly classifier: Classifier
  readonly facts: DialectFacts
  readonly catalogue: Catalogue
  readonly held: HeldConnections
  /** A pooler in between lends its connections for a transaction: there are no sessions. Default: false. */
  readonly poolsTransactions?: boolean
}

/** A connection to the primary, as long as it is used in place of another one. */
export interface Loan {
  /** Gives it back. @param isUnfit it must not be used again: it is closed */
  leave(isUnfit?: boolean): void
}

/** How long (ms) a connection to a server that should not be used is kept, so that not each statement makes a new one. */
const misplacedMs = 1_000

/**
 * What may happen to a statement on one connection, decided once for every driver. The adapter asks `decide`, does what the
 * answer says, and tells what has come of it. `S` is a statement in the adapter's own form, fit to be run again.
 */
export class ConnectionGuard<S> {
  readonly database: GuardedDatabase
  readonly side: Side
  readonly wire: Wire
  /** Each statement that is waited for crosses an ocean. */
  readonly isFar: boolean
  readonly session: Session<S>
  readonly writes: Writes<S>
  readonly count: StatementCount
  /** The run of the server that this connection leads to; undefined until it has said what it is. */
  server: ServerInstance | undefined
  /** The connection to the primary that is used in place of this one. */
  loan: Loan | undefined
  /** The one in whose place this connection is used. */
  inPlaceOf: ConnectionGuard<S> | undefined
  /** It is checked out from a pool of ours, which sees it given back. */
  isLent = false
  /** Its request was replayed, and it was given back for it: the app does nothing more on it. */
  isReclaimed = false
  /** Something of this check-out could not go along to the primary: nothing of it does any more. */
  refused: Error | undefined
  /** With `Action.refuse` and `Action.rollback`: what keeps the statement from being sent. */
  refusal: Error | undefined
  /** With `Action.wait`: how fresh this server has to be; undefined where it waits to know what the statement calls. */
  need: Freshness | undefined
  /** The position of what its request has written that was compared last with this server: until the next write it is the same. */
  compared: Freshness | undefined
  /** With `Action.here`: what the statement does to its request. */
  effect: Effect = Effect.none
  /** With `Action.primary`: a write was registered for its way there. */
  #withdraw: (() => void) | undefined
  /** The request that has sent something here last. */
  #user: RequestState | undefined
  #identifiedAt = 0
  /** A server that said it was the primary has refused a write. */
  #isDoubtful = false
  /** Another primary has taken over from this one, and a client has seen it. */
  #isStale = false

  /** @param made a statement of ours in the adapter's form */
  constructor(database: GuardedDatabase, side: Side, wire: Wire, made: (text: string) => S) {
    this.database = database
    this.side = side
    this.wire = wire
    this.isFar = side === 'local' && database.replication.prices.isFar
    this.session = new Session(wire, database.facts.language, made)
    this.writes = new Writes(database.replication, this.session)
    this.count = new StatementCount(database.catalogue, wire)
  }

  /** What the server says it is; until then, what the settings say. To a transaction it stays what it was at its beginning. */
  get role(): Role {
    if (this.session.isInReplicasTransaction) return 'replica'
    if (this.server !== undefined) return this.server.role
    return this.side === 'primary' ? 'primary' : this.database.replication.topology.role
  }

  /** Whether a connection to the primary is used in place of this one. */
  get isDiverted(): boolean {
    return this.loan !== undefined
  }

  /**
   * Whether a plain read can be sent as it is: on an idle replica that has said what it is, about which nothing is left to decide.
   * The adapters' short ways ask only this.
   */
  passes(analysis: Analysis, text: string, scope: Scope | undefined): boolean {
    return (
      this.server?.role === 'replica' &&
      this.side === 'local' &&
      !this.isFar &&
      isPlainRead(analysis) &&
      asksForNothing(scope) &&
      this.isIdle &&
      !this.database.catalogue.mayHideRefusal(analysis, text)
    )
  }

  /**
   * Whether a statement outside of any request can be sent without being looked at: on a primary that was reached as the local
   * server, nothing is to be decided about it.
   */
  get canBypass(): boolean {
    if (this.side === 'primary' || this.isDiverted || this.role !== 'primary') return false
    if (this.database.poolsTransactions) return false
    return this.server === undefined || !this.database.replication.servers.mustLeave(this.server)
  }

  /** Whether this connection has nothing else going on, and is one to be kept. */
  get isIdle(): boolean {
    const { session, wire } = this
    return (
      wire.isQuiet && !this.isDiverted && session.transaction === undefined && !session.hasMode && !this.isMisplaced
    )
  }

  /** A write is on its way to the primary; false where its request is going to be replayed. */
  registersIntent(request: RequestState): boolean {
    this.#withdraw = registerIntent(request, this.database.replication.name)
    return this.#withdraw !== undefined
  }

  /** What withdraws the write that was registered for the statement that was decided last; undefined where none was. */
  takeIntent(): (() => void) | undefined {
    const withdraw = this.#withdraw
    this.#withdraw = undefined
    return withdraw
  }

  /**
   * A request sends something here. A pool that is not ours hands a connection on without a word: what was borrowed for another
   * request is given back.
   */
  isUsedBy(request: RequestState): void {
    if (this.#user !== undefined && this.#user !== request && !this.isLent) this.loan?.leave()
    this.#user = request
  }

  /** Keeps a statement from being sent; a transaction that it was part of is aborted, as by the server. */
  refuses(refusal: unknown): Action {
    const { transaction } = this.session
    if (transaction !== undefined) transaction.refusal ??= refusal as Error
    this.refusal = refusal as Error
    return Action.refuse
  }

  /** The server that calls itself the primary is not: nothing of it may be shown any more, and nothing be written to it. */
  refusesStale(): Action {
    this.#isStale = true
    if (this.server !== undefined) this.database.replication.prober.leaves(this.server)
    return this.refuses(new ReplayUnavailableError('stale-primary'))
  }

  /** Whether it leads to the only server: then the connection is the driver's and nothing else. */
  get isOnlyServer(): boolean {
    return this.side === 'local' && isOnlyServer(this.database)
  }

  /**
   * Asks this connection's server what it is.
   *
   * @param ask how. Default: as the wire does
   * @throws ReplayUnavailableError where this should be the primary and is none
   */
  async identify(ask: Ask = this.wire.ask): Promise<void> {
    const { facts, replication } = this.database
    const expected = this.side === 'primary' ? 'primary' : replication.servers.expects
    const observation = await facts.observe(this.isFar ? this.#timed(ask) : ask, expected, this.wire.address)
    if (this.side === 'local') await replication.servers.comparable()
    this.identified(replication.servers.connected(observation, this.observedSide))
    if (this.side === 'primary' && this.role === 'replica') throw new ReplayUnavailableError('no-primary')
  }

  #timed(ask: Ask): Ask {
    return async (sql) => {
      const begun = performance.now()
      const rows = await ask(sql)
      this.database.replication.prices.measured(performance.now() - begun)
      return rows
    }
  }

  /** What a node is says nothing of the local server. */
  get observedSide(): 'local' | 'primary' {
    return this.side === 'local' ? 'local' : 'primary'
  }

  /** The server has said what it is. */
  identified(server: ServerInstance): void {
    this.server = server
    this.session.chains = server.chainsTransactions === true
    this.#identifiedAt = Date.now()
    this.#isDoubtful = false
    this.database.catalogue.refresh()
  }

  /**
   * Asks where the log of this connection's server stands. One that has not said what it is, as off Fly, is asked both in one go.
   *
   * @param asynchronous what was committed need not be flushed yet
   * @param ask how. Default: as the wire does
   */
  async position(asynchronous: boolean, ask: Ask = this.wire.ask): Promise<Position> {
    const told = this.server ?? this.identify(ask).then(() => this.server as ServerInstance)
    if (told instanceof Promise) told.catch(() => undefined)
    return this.database.facts.position(ask, this.role, told, asynchronous)
  }

  /** A statement that commits was answered that it is done, or that it is not; or nothing more will be heard of it. */
  ends(
    { several, chain, schema }: Analysis,
    request: RequestState,
    transaction: Transaction<S> | undefined,
    outcome: WriteOutcome,
  ): void {
    this.writes.ends(request, transaction, outcome)
    if (outcome !== 'done') return
    // A text that has begun a transaction of its own has not committed that one.
    if ((several || (chain ?? this.session.chains)) && this.wire.status !== 'idle') this.writes.goesOn(request)
    if (schema) this.schemaChanged()
  }

  /** Whether a subscriber asks for statements: else nothing of them need be known but that they have come back. */
  get isHeard(): boolean {
    return isHeard('statement')
  }

  /**
   * A statement that was sent has come back; `sentAt` as `sentNow` has said, and not 0.
   *
   * @param analysis may be undefined unless `isHeard`
   */
  tells(analysis: Analysis | undefined, sentAt: number, error?: unknown): void {
    this.count.answered()
    if (analysis === undefined) return
    const { replication, facts } = this.database
    const { language: dialect } = facts
    tellStatement(replication, { dialect, onPrimary: this.side === 'primary', analysis, sentAt, error })
  }

  /** What was learned of texts and of routines may no longer hold. */
  schemaChanged(): void {
    this.database.classifier.forget()
    this.database.catalogue.changed()
  }

  /** A primary has refused what no primary refuses: it may not be one any more. */
  doubts(): void {
    if (this.session.isReadOnly || this.isOnlyServer) return
    this.#isDoubtful = true
    if (this.side === 'local') this.database.replication.prober.recheckRole()
  }

  /**
   * The connection has died, or is about to be told of it. A session that has moved ends with either of its two connections: to the
   * app they are one.
   */
  dies(): void {
    this.inPlaceOf?.wire.cut?.()
    if (this.loan === undefined) return
    // What follows must not begin another session on the primary.
    this.session.isUnknown()
    this.loan.leave()
  }

  /** The app has given the connection back: what the next user cannot know of does not bind it. */
  givenBack(): void {
    if (this.session.transaction?.refusal !== undefined && !this.isReclaimed) this.tellKept(true)
    // What will come of a transaction that is left open is not known.
    this.writes.leavesTransaction('unknown')
    this.loan?.leave()
    this.isLent = false
    this.#user = undefined
    this.refused = undefined
    this.count.ends()
    this.session.givenBack()
  }

  /** Its request is replayed, and has not given it back, or not as it should: that is done in its place. */
  tellKept(inTransaction = false): void {
    publish('connection-kept', { database: this.database.replication.name, inTransaction })
  }

  /** Whether, given back now, this connection is of no use to the next one, whatever is rolled back on it: it is to be closed. */
  get isSpent(): boolean {
    // Its session went on elsewhere: what is set here is not what its user has left.
    if (this.isMisplaced || (this.isDiverted && this.session.changes > 0)) return true
    // In a pool of ours the next one to use it is another job, which knows nothing of what this one holds.
    return this.side === 'primary' && this.session.holds
  }

  /** The same where nothing is rolled back: a transaction that was refused something would be over for the next one as well. */
  get isUnfit(): boolean {
    return this.isSpent || this.session.transaction?.refusal !== undefined
  }

  /** Whether this server should not be used: then the connection is left, so that the next one looks again who is who. */
  get isMisplaced(): boolean {
    if (this.#isDoubtful || this.#isStale) return true
    const { server, side } = this
    const { replication } = this.database
    if (server !== undefined) {
      if (replication.servers.mustLeave(server)) return true
      if (server.leftAt !== undefined && this.#identifiedAt <= server.leftAt) return true
    }
    if (side === 'node') return false
    if (side === 'primary') return this.role === 'replica'
    if (this.role === 'primary' || replication.servers.expects === 'replica') return false
    return replication.topology.role === 'primary' || Date.now() - this.#identifiedAt > misplacedMs
  }
}
