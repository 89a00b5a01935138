import { ReplayUnavailableError } from '@flyroute/core'
import {
  type Analysis,
  asksForNothing,
  createStatementMemory,
  currentScope,
  isPlainRead,
  type Role,
  type Scope,
  type ServerInstance,
  type StatementMemory,
} from '@flyroute/core/adapter'
import { currentCaller, keepInScope } from './caller.ts'
import type { MysqlDatabase } from './database.ts'
import {
  type BareConnection,
  type Command,
  hasStatement,
  type Kind,
  kindOf,
  type PrepareOptions,
  type QueueEntry,
  type ResultHeader,
  textOf,
} from './driver-types.ts'
import { type Exchange, Moment } from './exchange.ts'
import { guardOf, install } from './guards.ts'
import { type Asked, letGo } from './judging.ts'
import type { Greeting, Side } from './observer.ts'
import { PrimarySide } from './primary-side.ts'
import { readError } from './refusal.ts'
import { ReplicaSide } from './replica-side.ts'
import { Session } from './session.ts'
import { Turn, type TurnHandler } from './turn.ts'

/** How long (ms) a connection to a member that should not be used is kept, so that not each statement makes a new one. */
const misplacedMs = 1_000

/** How often (ms) a replica that has to refuse is asked at most whether it has been promoted meanwhile. */
const doubtMs = 250

/**
 * The guard of one connection, at the one place that everything above goes through: the queue of commands. It knows what
 * its server is, and hands each command on: as it is, to the side that reads the positions behind writes, or to the side
 * that refuses what a replica would refuse.
 */
export class Guard implements TurnHandler {
  readonly connection: BareConnection
  readonly database: MysqlDatabase
  readonly side: Side
  readonly session: Session = new Session()
  /** The run of the server that this connection leads to; undefined until it has said what it is. */
  server: ServerInstance | undefined
  greeting: Greeting | undefined
  readonly #memory: StatementMemory
  /** Texts of reads that the driver has prepared here and not closed since: it puts its own key together anew for each look. */
  readonly #preparedReads: Set<string> = new Set()
  readonly #onPrimary: PrimarySide = new PrimarySide(this)
  readonly #onReplica: ReplicaSide = new ReplicaSide(this)
  /** The queue as it is below the guard. */
  #enqueue: (entry: QueueEntry) => unknown
  /** The preparation that came last, until its execution comes. */
  #preparing: Turn | undefined
  #greetedAt = 0
  /** A server that said it was the primary has refused a write. */
  #isDoubtful = false
  #left = false
  #isClosed = false

  constructor(connection: BareConnection, database: MysqlDatabase, side: Side) {
    this.connection = connection
    this.database = database
    this.side = side
    this.#memory = createStatementMemory(database.classifier)
    this.#enqueue = connection.addCommand
    this.#listen()
  }

  /** What the server says it is; until then, what the settings say. */
  get role(): Role {
    if (this.server !== undefined) return this.server.role
    return this.side === 'primary' ? 'primary' : this.database.replication.topology.role
  }

  // --- what comes in ------------------------------------------------------------------------------------------------

  /** What the connection's `addCommand` does. */
  add(command: Command): unknown {
    const kind = kindOf(command)
    if (kind === undefined) {
      // It may close a prepared statement, as the driver does before it forgets one.
      this.#preparedReads.clear()
      return this.#enqueue.call(this.connection, command)
    }
    const scope = currentScope()
    if (kind === 'session') return this.#reset(command)
    if (kind === 'prepare' && this.#isPrepared(command)) return this.#prepared(command)
    const isPlain = scope === undefined && this.side !== 'primary' && this.#isKnownPrimary
    if (isPlain && !this.#onReplica.isElsewhere) {
      this.#onPrimary.overhears(command)
      return this.#enqueue.call(this.connection, command)
    }
    const analysis = this.#analyse(command)
    if (this.#isPlain(command, kind, analysis, scope)) {
      letGo(this, command, kind, analysis, scope, scope === undefined ? undefined : currentCaller())
      return this.#enqueue.call(this.connection, command)
    }
    // The driver answers in whatever scope its socket was opened: what the caller does then belongs to the caller's.
    if (scope !== undefined) keepInScope(command)
    const turn = new Turn(this, command, kind, analysis, scope)
    if (kind === 'prepare') this.#preparing = turn
    else if (kind === 'execute') this.#follow(turn)
    this.#enqueue.call(this.connection, turn)
    return command
  }

  /** Whether nothing is left to decide about a command, and nothing to be done but what its answer is for. */
  #isPlain(command: Command, kind: Kind, analysis: Analysis, scope: Scope | undefined): boolean {
    if (!this.#isIdleReplica || !this.leavesAlone(command, kind, analysis, scope)) return false
    if (kind === 'execute' && command.statement === undefined) return false
    return asksForNothing(scope) && !this.database.replication.prober.isUnavailable
  }

  /** Whether this is a replica that has said what it is, and that nothing is asked of at the moment. */
  get #isIdleReplica(): boolean {
    if (this.greeting === undefined || this.server?.role !== 'replica') return false
    if (this.#isClosed || this.#onReplica.isElsewhere) return false
    return !this.connection._command && this.connection._commands.length === 0
  }

  /** The driver's `execute` is two commands, made of the same options. */
  #follow(turn: Turn): void {
    const preparation = this.#preparing
    this.#preparing = undefined
    if (preparation !== undefined && preparation.command.options === turn.command._executeOptions) {
      preparation.execution = turn
    }
  }

  /**
   * Whether the driver has the statement and will ask the server nothing: a read that is executed once more. Then the execution
   * alone is looked at.
   */
  #isPrepared(command: Command): boolean {
    const { connection } = this
    if (!this.#isIdleReplica) return false
    const { sql, nestTables, rowsAsArray } = command.options as PrepareOptions
    // With options of its own for the rows, the driver prepares the same text once more.
    const isUsual = nestTables === undefined && rowsAsArray === undefined
    if (isUsual && this.#preparedReads.has(sql)) return true
    if (!hasStatement(connection, command) || this.#analyse(command).access !== 'read') return false
    if (isUsual) this.#preparedReads.add(sql)
    return true
  }

  /**
   * Has the driver look up what it has prepared, at once: a detour through the queue would have the same end, and one kind of
   * entry more is one too many for the engine to know them all by heart.
   */
  #prepared(command: Command): Command {
    const { connection } = this
    if (!command.execute(undefined, connection)) connection._command = command
    return command
  }

  #analyse(command: Command): Analysis {
    return this.#memory.classify(this.textOf(command))
  }

  get #isKnownPrimary(): boolean {
    return this.greeting !== undefined && this.server?.role === 'primary'
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

  /** COM_RESET_CONNECTION and COM_CHANGE_USER, when all that was asked for earlier has been answered. */
  #reset(command: Command): unknown {
    this.#enqueue.call(this.connection, new Moment(() => this.#forget('currentConfig' in command)))
    this.#enqueue.call(this.connection, command)
    return command
  }

  /** A transaction is rolled back, what was set for the session is gone, and the user may be another one. */
  #forget(isAnotherUser: boolean): void {
    this.#onReplica.forget()
    this.#onPrimary.forget()
    this.#memory.forget()
    this.#preparedReads.clear()
    this.session.forget()
    // Another user may have other rights; a mere reset leaves the server what it is.
    if (isAnotherUser || this.database.simulated) this.greeting = undefined
  }

  // --- turns --------------------------------------------------------------------------------------------------------

  begins(turn: Turn): boolean {
    const { command, kind } = turn
    // Its preparation has failed: the driver has told, and goes through the motions.
    if (kind === 'execute' && command.statement === undefined) return true
    if (this.greeting === undefined) {
      this.learn(turn).then(
        () => {
          if (!turn.isOver && this.#decide(turn)) turn.send()
        },
        (error: unknown) => turn.fail(error),
      )
      return false
    }
    return this.#decide(turn)
  }

  #decide(turn: Turn): boolean {
    if (this.role === 'primary') {
      return this.#onReplica.isElsewhere ? this.#onReplica.begins(turn) : this.#onPrimary.begins(turn)
    }
    if (this.side !== 'primary') return this.#onReplica.begins(turn)
    turn.fail(new ReplayUnavailableError('no-primary'))
    return false
  }

  answered(turn: Turn): boolean {
    const headers = headersOf(turn.command)
    return this.role === 'primary' ? this.#onPrimary.answered(turn, headers) : this.#onReplica.answered(turn, headers)
  }

  failed(turn: Turn, error: unknown, isAnswer: boolean): void {
    if (isAnswer && this.role === 'primary' && readError(error) === 'refusal') this.#doubt()
    if (this.role === 'primary') this.#onPrimary.failed(turn, error, isAnswer)
    else this.#onReplica.failed(turn, error, isAnswer)
  }

  leavesAlone(command: Command, kind: Kind, analysis: Analysis, scope: Scope | undefined): boolean {
    // What is read bit by bit is heard of by its events, and what has a time of its own may be answered twice.
    if (kind === 'prepare' || !command.onResult || command.timeout) return false
    if (this.side === 'primary' || this.role !== 'replica' || this.session.transaction !== undefined) return false
    return isPlainRead(analysis) && scope?.consistency !== 'monotonic'
  }

  failedAlone({ command, kind, analysis, scope }: Asked, error: unknown): void {
    // What the driver has ended by itself, it tells the end of; not so when a connection is lost.
    const isAnswer = (error as { fatal?: unknown }).fatal !== true
    const turn = new Turn(this, command, kind, analysis, scope)
    turn.takesOver()
    this.failed(turn, error, isAnswer)
    if (isAnswer) withoutNextEnd(command)
  }

  givenUp(turn: Turn): void {
    if (this.role === 'primary') this.#onPrimary.givenUp(turn)
  }

  // --- what the server is -------------------------------------------------------------------------------------------

  /** Asks in the turn of something that is under way. */
  async learn(exchange: Exchange): Promise<void> {
    const { observer, replication, simulated } = this.database
    const ask = (sql: string): ReturnType<Exchange['ask']> => exchange.ask(sql)
    const hint = this.connection._handshakePacket?.serverVersion
    const known = this.greeting
    const greeting = known === undefined ? await observer.greet(ask, hint, this.side) : await observer.look(ask, known)
    if (known === undefined && simulated && this.side === 'local') await ask('set session transaction read only')
    if (this.side === 'local') await replication.servers.comparable()
    this.greeting = greeting
    // What a node is says nothing of the member next door.
    this.server = replication.servers.connected(greeting.observation, this.side === 'local' ? 'local' : 'primary')
    this.#greetedAt = Date.now()
    this.#isDoubtful = false
  }

  /** It refuses what a primary does not refuse: it may not be one any more. */
  #doubt(): void {
    if (this.session.transaction?.readOnly) return
    this.#isDoubtful = true
    if (this.side === 'local') this.database.replication.prober.probe().catch(() => undefined)
  }

  /** A replica had to refuse: that would be needless if it had been promoted meanwhile. */
  suspectPromotion(): void {
    const { database } = this
    if (Date.now() - database.askedForPromotionAt < doubtMs) return
    database.askedForPromotionAt = Date.now()
    database.replication.prober.probe().catch(() => undefined)
  }

  // --- given back ---------------------------------------------------------------------------------------------------

  /** The app gives the connection back; false where nobody else is to get it. */
  givenBack(): boolean {
    this.#onReplica.leave()
    this.#onPrimary.leave()
    return !this.#isMisplaced
  }

  /** A member that is not what the settings say is left, so that the next connection looks again who is who. */
  get #isMisplaced(): boolean {
    if (this.#isDoubtful || this.#onPrimary.isStale) return true
    if (this.role === 'primary') return false
    if (this.side !== 'local') return this.side === 'primary'
    return this.database.replication.servers.expects === 'primary' && Date.now() - this.#greetedAt > misplacedMs
  }

  #listen(): void {
    const { connection, database, side } = this
    const lost = (): void => {
      if (this.#left) return
      this.#left = true
      this.#onReplica.leave()
      // Ended by its server, not by the pool: it may be started anew, further back in the log.
      if (side !== 'primary' && connection._closing !== true) database.replication.servers.disconnected(this.server)
    }
    connection.once('end', lost)
    connection.prependOnceListener('error', lost)
  }
}

/** Puts a guard on a connection, unless it has one. */
export function guardConnection(connection: BareConnection, database: MysqlDatabase, side: Side): Guard {
  return guardOf(connection) ?? install(connection, new Guard(connection, database, side))
}

/** Keeps to itself that a command has ended, once: that is told when its turn is over. */
function withoutNextEnd(command: Command): void {
  const { emit } = command
  let isNext = true
  command.emit = (event: string | symbol, ...args: unknown[]) => {
    if (!isNext || event !== 'end') return emit.call(command, event, ...args)
    isNext = false
    return true
  }
}

const noHeaders: ResultHeader[] = []

/** Of an answer the parts without rows: one for each statement in it that has none. */
function headersOf({ _rows: rows }: Command): readonly ResultHeader[] {
  if (rows === undefined || (rows.length === 1 && Array.isArray(rows[0]))) return noHeaders
  return rows.filter((row) => !Array.isArray(row) && row !== null && row !== undefined) as ResultHeader[]
}
