import {
  Action,
  type Analysis,
  asksForNothing,
  ConnectionGuard,
  createStatementMemory,
  currentScope,
  decide,
  type Freshness,
  type HeldConnection,
  ifStillWanted,
  isPlainRead,
  type RequestState,
  type Scope,
  type Side,
  type StatementMemory,
  sentNow,
  whenReady,
} from '@flyroute/core/adapter'
import { Borrowing } from './borrowing.ts'
import { currentCaller, keepInScope } from './caller.ts'
import { isIgnored, otherUser } from './change-user.ts'
import type { MysqlDatabase } from './database.ts'
import { type DetachedCommand, detach, measure, withoutNextEnd } from './detached-command.ts'
import {
  type BareConnection,
  type Command,
  headersOf,
  type Kind,
  kindOf,
  type QueueEntry,
  textOf,
} from './driver-types.ts'
import { type CommandInterceptor, GuardedCommand, isOpenEnded, saysGoodbye } from './guarded-command.ts'
import { type GuardedQueue, guardedOf, install } from './guards.ts'
import type { InterceptedEntry } from './intercepted-entry.ts'
import { OnPrimary } from './on-primary.ts'
import { OnReplica } from './on-replica.ts'
import { PreparedStatements } from './prepared.ts'
import type { Repeatable } from './repeatable.ts'
import { MysqlWire } from './wire.ts'

/** What a preparation counts as on a primary: nothing is written before it is executed. */
const preparation = 'select 1'

/**
 * One connection of mysql2, guarded at the one place that everything above goes through: the queue of commands. What becomes of a
 * command core decides when its turn comes; here that is said in the driver's words.
 */
class MysqlConnection implements GuardedQueue, CommandInterceptor, HeldConnection {
  readonly connection: BareConnection
  readonly database: MysqlDatabase
  readonly wire: MysqlWire
  readonly guard: ConnectionGuard<Repeatable>
  readonly #memory: StatementMemory
  readonly #prepared: PreparedStatements
  readonly #onPrimary: OnPrimary = new OnPrimary(this)
  readonly #onReplica: OnReplica = new OnReplica(this)
  readonly #borrowing: Borrowing = new Borrowing(this)
  /** The queue as it is below the guard. */
  #enqueue: (entry: QueueEntry) => unknown
  /** The request that has used the connection last. */
  #holder: Scope | undefined
  #isIdentified = false
  #hasEnded = false
  #isClosed = false
  readonly isOfPool: boolean
  /** What is to be done when it ends. */
  readonly #endings: Set<() => void> = new Set()

  constructor(connection: BareConnection, database: MysqlDatabase, side: Side) {
    this.connection = connection
    this.database = database
    this.wire = new MysqlWire(connection)
    this.guard = new ConnectionGuard(database, side, this.wire, (sql) => ({ sql }))
    this.#memory = createStatementMemory(database.classifier)
    this.#prepared = new PreparedStatements(connection, this.#memory)
    this.#enqueue = connection.addCommand
    this.isOfPool = this.isPooled
  }

  // --- what comes in ------------------------------------------------------------------------------------------------

  /** What the connection's `addCommand` does. */
  add(command: Command): unknown {
    const kind = kindOf(command)
    if (kind === undefined) {
      this.#prepared.forget()
      return this.#enqueue.call(this.connection, command)
    }
    // The driver tells the connection's listeners of a command that nothing else waits for.
    if (this.#isClosed && !command.onResult && this.guard.role === 'primary' && !this.guard.isDiverted) {
      return this.#enqueue.call(this.connection, command)
    }
    const scope = currentScope()
    if (kind === 'prepare' && this.#isIdleReplica && this.#prepared.has(command)) return this.#prepared.lookUp(command)
    const isUnasked = this.#isIdentified || this.guard.isOnlyServer
    if (scope === undefined && isUnasked && this.guard.canBypass && kind !== 'session') {
      this.#onPrimary.overhears(command)
      this.#measures(command, kind)
      return this.#enqueue.call(this.connection, command)
    }
    const analysis = this.#analyse(command)
    if (this.#isPlain(command, kind, analysis, scope)) {
      this.#counts(command, kind, analysis, scope)
      detach(this, command, kind, analysis, scope, scope === undefined ? undefined : currentCaller(), sentNow())
      return this.#enqueue.call(this.connection, command)
    }
    if (scope !== undefined) {
      // The driver answers in whatever scope its socket was opened: what the caller does then belongs to the caller's.
      keepInScope(command)
      this.isUsedBy(scope)
    }
    this.guard.isLent = this.isPooled
    const guarded = new GuardedCommand(this, command, kind, analysis, scope)
    this.#prepared.pair(guarded)
    this.#enqueue.call(this.connection, guarded)
    return command
  }

  /** Of a command that goes its own way. */
  #measures(command: Command, kind: Kind): void {
    const sentAt = sentNow()
    if (sentAt !== 0 && isStatement(kind))
      measure(command, (error) => this.tells(this.#analyse(command), sentAt, error))
  }

  tells(analysis: Analysis, sentAt: number, error?: unknown): void {
    this.guard.tells(analysis, sentAt, error)
  }

  /** What was sent in its turn has come back. */
  #tells(guarded: GuardedCommand, error?: unknown): void {
    const { kind, analysis, sentAt } = guarded
    guarded.sentAt = 0
    if (sentAt !== 0 && isStatement(kind)) this.tells(analysis, sentAt, error)
  }

  /** Whether nothing is left to decide about a command, and nothing to be done but what its answer is for. */
  #isPlain(command: Command, kind: Kind, analysis: Analysis, scope: Scope | undefined): boolean {
    if (!this.#isIdleReplica || !this.canBypass(command, kind, analysis, scope)) return false
    if (kind === 'execute' && command.statement === undefined) return false
    return asksForNothing(scope) && !this.database.replication.prober.isUnavailable
  }

  /** Whether this is a replica that has said what it is, and that nothing is asked of at the moment. */
  get #isIdleReplica(): boolean {
    if (this.guard.server?.role !== 'replica' || this.#isClosed || this.guard.isDiverted) return false
    return !this.connection._command && this.connection._commands.length === 0
  }

  /** A connection in use belongs to the request that uses it; a pool that is not ours hands it on without a word. */
  isUsedBy(scope: Scope): void {
    const { request } = scope
    this.guard.isUsedBy(request)
    if (this.#holder?.request === request) return
    this.database.held.release(this)
    this.#holder = scope
    if (this.isPooled) this.database.held.hold(this, request)
  }

  /** Whether it is of a pool of ours, which sees it given back. */
  get isPooled(): boolean {
    return Boolean(this.connection._pool)
  }

  #analyse(command: Command): Analysis {
    return this.#memory.classify(this.textOf(command))
  }

  /** The text that a command is known by. */
  textOf(command: Command): string {
    return textOf(command, this.connection)
  }

  /** The driver puts another function in the place of its queue when a connection closes: that goes below the guard. */
  setQueue(enqueue: (entry: QueueEntry) => unknown): void {
    this.#isClosed = true
    this.#enqueue = enqueue
  }

  /** Puts something of our own at the end of the queue. */
  enqueue(entry: QueueEntry): void {
    this.#enqueue.call(this.connection, entry)
  }

  /**
   * COM_RESET_CONNECTION or COM_CHANGE_USER was answered: a transaction is rolled back, what was set for the session is gone, and
   * the user may be another one.
   *
   * @param hasFailed the other user was not let in. MySQL closes the connection then; MariaDB resets the session, keeps its user and
   * its database, and takes its own character set.
   */
  #startsOver(command: Command, hasFailed: boolean): void {
    const { session } = this.guard
    this.#onPrimary.forget()
    this.#memory.forget()
    this.#prepared.forget()
    this.wire.forget()
    const user = otherUser(command)
    session.forget(user === undefined || hasFailed)
    if (hasFailed) {
      session.isUnknown()
      this.wire.isEnded = true
    } else if (user !== undefined) session.becomes({ user })
    // Another user may have other rights; a mere reset leaves the server what it is.
    if (user !== undefined || this.database.simulated) this.#isIdentified = false
  }

  // --- a command's turn ---------------------------------------------------------------------------------------------

  begins(guarded: GuardedCommand): boolean {
    const { kind } = guarded
    if (guarded.wasNotPrepared) return true
    if (kind === 'session') return this.#resets(guarded)
    if (this.#isIdentified) return this.#decide(guarded)
    this.identify(guarded).then(
      () => {
        if (!guarded.isOver && this.#decide(guarded)) guarded.send()
      },
      (error: unknown) => guarded.fail(error),
    )
    return false
  }

  /** COM_RESET_CONNECTION and COM_CHANGE_USER are of the session, wherever that goes on. */
  #resets(guarded: GuardedCommand): boolean {
    if (!this.guard.isDiverted) return true
    this.#borrowing.run(guarded)
    return false
  }

  #decide(guarded: GuardedCommand): boolean {
    const { guard } = this
    const { kind, scope } = guarded
    const isPreparation = kind === 'prepare' && guard.role === 'primary'
    return this.act(
      decide(
        guard,
        isPreparation ? this.database.classifier.classify(preparation) : guarded.analysis,
        this.textOf(guarded.command),
        scope,
      ),
      guarded,
    )
  }

  /** Does what was decided; true to send the command now. */
  act(action: Action, guarded: GuardedCommand): boolean {
    const { guard } = this
    guarded.effect = guard.effect
    switch (action) {
      case Action.here:
        this.#counts(guarded.command, guarded.kind, guarded.analysis, guarded.scope)
        guarded.mark(guard.session)
        return guard.role === 'primary' ? this.#onPrimary.begins(guarded) : this.#onReplica.begins(guarded)
      case Action.primary:
        this.#borrowing.run(guarded)
        return false
      case Action.refuse:
        guarded.fail(guard.refusal)
        return false
      case Action.rollback:
        return this.#onReplica.rollsBack(guarded)
      case Action.drop:
        guarded.drop(this.database.replication.name)
        return false
      case Action.wait:
        this.#wait(guarded, guard.need)
        return false
    }
  }

  /** A preparation is no statement: most are not even sent. */
  #counts(command: Command, kind: Kind, analysis: Analysis, scope: Scope | undefined): void {
    if (scope?.request.tally !== undefined && isStatement(kind))
      this.guard.count.asks(analysis, this.textOf(command), scope)
  }

  #wait(guarded: GuardedCommand, need: Freshness | undefined): void {
    this.wire.entry = guarded
    whenReady(this.guard, guarded.analysis, this.textOf(guarded.command), guarded.scope, need).then(
      (action) => {
        // The connection may have been lost meanwhile, and the statement be under way elsewhere.
        if (!guarded.isOver && this.act(ifStillWanted(action, guarded.scope), guarded)) guarded.send()
      },
      (error: unknown) => guarded.fail(error),
    )
  }

  answered(guarded: GuardedCommand): boolean {
    if (guarded.wasNotPrepared) return true
    this.#tells(guarded)
    if (guarded.kind === 'session') this.#startsOver(guarded.command, false)
    const headers = headersOf(guarded.command)
    const { session, role } = this.guard
    const before = session.transaction
    if (isStatement(guarded.kind)) {
      this.wire.answered(headers)
      const { again, analysis } = guarded
      const text = this.textOf(guarded.command)
      session.sends(again, analysis)
      session.acknowledges(again, text, analysis, 'values' in again ? again.values : undefined)
    }
    return role === 'primary' ? this.#onPrimary.answered(guarded, headers, before) : this.#onReplica.answered(guarded)
  }

  failed(guarded: GuardedCommand, error: unknown, isAnswer: boolean): void {
    this.#tells(guarded, error)
    if (guarded.kind === 'session') {
      if (!isIgnored(error)) this.#startsOver(guarded.command, true)
      guarded.deliver(error)
      guarded.finish()
    } else if (this.guard.role === 'primary') this.#onPrimary.failed(guarded, error, isAnswer)
    else this.#onReplica.failed(guarded, error, isAnswer)
  }

  /** Runs a command on the primary, in place of this connection. */
  runOnPrimary(guarded: GuardedCommand): void {
    this.#borrowing.run(guarded)
  }

  canBypass(command: Command, kind: Kind, analysis: Analysis, scope: Scope | undefined): boolean {
    // What is read bit by bit is heard of by its events, and what has a time of its own may be answered twice.
    if (kind === 'prepare' || kind === 'session' || !command.onResult || command.timeout) return false
    const { side, role, session } = this.guard
    if (side === 'primary' || role !== 'replica' || session.transaction !== undefined || session.hasMode) return false
    return isPlainRead(analysis) && scope?.consistency !== 'monotonic'
  }

  detachedFailed({ command, kind, analysis, scope }: DetachedCommand, error: unknown): void {
    // What the driver has ended by itself, it tells the end of; not so when a connection is lost.
    const isAnswer = (error as { fatal?: unknown }).fatal !== true
    const guarded = new GuardedCommand(this, command, kind, analysis, scope)
    guarded.takesOver()
    // Told already.
    guarded.sentAt = 0
    this.failed(guarded, error, isAnswer)
    if (isAnswer) withoutNextEnd(command)
  }

  givenUp(guarded: GuardedCommand): void {
    if (this.guard.role === 'primary') this.#onPrimary.givenUp(guarded)
  }

  // --- what the server is -------------------------------------------------------------------------------------------

  /** Asks in the turn of something that is under way. */
  async identify(entry: InterceptedEntry): Promise<void> {
    this.wire.entry = entry
    await this.guard.identify()
    const { simulated } = this.database
    if (!this.#isIdentified && simulated && this.guard.side === 'local') {
      await entry.ask('set session transaction read only')
    }
    this.#isIdentified = true
  }

  /** Takes the position after a monotonic read, in its turn: what the client has seen, it is to see again. */
  async sees(guarded: GuardedCommand, request: RequestState): Promise<void> {
    const { server, writes } = this.guard
    if (server === undefined) return
    try {
      writes.saw(request, await this.guard.position(false, (sql) => guarded.ask(sql)))
    } catch (error) {
      this.database.replication.written.withoutPosition(error)
    }
  }

  // --- given back ---------------------------------------------------------------------------------------------------

  /** The app gives the connection back; false where it is not to be used again. */
  givenBack(): boolean {
    const { guard } = this
    const { isUnfit } = guard
    this.database.held.release(this)
    this.#holder = undefined
    guard.givenBack()
    return !isUnfit
  }

  get isBusy(): boolean {
    return Boolean(this.connection._command) && !isOpenEnded(this.connection)
  }

  /** Its request was answered with a replay, and does not give it back: it is closed, and what was open on it rolled back. */
  reclaim(): void {
    this.database.held.release(this)
    this.guard.tellKept()
    this.#holder = undefined
    this.guard.loan?.leave(true)
    const { connection } = this
    const standsStill = isOpenEnded(connection)
    connection.destroy()
    if (!standsStill) return
    // The server would wait for the reader before it ends.
    connection.stream.destroy()
    this.isOver()
    saysGoodbye(connection)
  }

  whenOver(act: () => void): () => void {
    this.#endings.add(act)
    return () => this.#endings.delete(act)
  }

  isOver(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.wire.isLost = true
    this.guard.dies()
    this.database.held.release(this)
    // Ended by its server, not by the pool: it may be started anew, further back in the log.
    if (this.guard.side !== 'primary' && this.connection._closing !== true) {
      this.database.replication.servers.disconnected(this.guard.server)
    }
    for (const act of this.#endings) act()
    this.#endings.clear()
  }
}

/** Whether the server runs something for it. */
function isStatement(kind: Kind): boolean {
  return kind === 'query' || kind === 'execute'
}

/** Puts a guard on a connection, unless it has one. */
export function guardConnection(connection: BareConnection, database: MysqlDatabase, side: Side): GuardedQueue {
  return guardedOf(connection) ?? install(connection, new MysqlConnection(connection, database, side))
}
