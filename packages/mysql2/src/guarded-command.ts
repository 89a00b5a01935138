import {
  type Analysis,
  Effect,
  neverSettles,
  noteUnavailable,
  refusesLate,
  type Scope,
  type Session,
  sentNow,
} from '@flyroute/core/adapter'
import { detach, type ErrorInterceptor } from './detached-command.ts'
import {
  type BareConnection,
  type Callback,
  type Command,
  type Kind,
  kindOf,
  type Packet,
  type QueueEntry,
} from './driver-types.ts'
import { hand } from './error-identity.ts'
import { InterceptedEntry } from './intercepted-entry.ts'
import { type Repeatable, repeatable } from './repeatable.ts'

/** What happens to a command when its turn comes. */
export interface CommandInterceptor extends ErrorInterceptor {
  readonly connection: BareConnection
  /** It was made by a pool of ours, which has it given back. */
  readonly isOfPool: boolean
  /** It is the command's turn: true to send it now, false where the turn is held until `send`, `finish` or `fail`. */
  begins(guarded: GuardedCommand): boolean
  /** The server has answered, and the answer is on its way to the caller: false to hold what comes after it. */
  answered(guarded: GuardedCommand): boolean
  /** It failed: by the server's word, or as the connection was lost. What comes of it is delivered through it. */
  failed(guarded: GuardedCommand, error: unknown, isAnswer: boolean): void
  /** Whether the rows of a command, once they come, are its caller's affair alone. */
  canBypass(command: Command, kind: Kind, analysis: Analysis, scope: Scope | undefined): boolean
  /** The caller is about to be told that no answer has come in time; one may come yet. */
  givenUp(guarded: GuardedCommand): void
}

/**
 * A command in the driver's queue about which something is to be decided: not before all that was asked for earlier has been
 * answered, and nothing overtakes it.
 */
export class GuardedCommand extends InterceptedEntry {
  readonly command: Command
  readonly kind: Kind
  readonly analysis: Analysis
  readonly scope: Scope | undefined
  /** What the answer is to be looked at for. */
  effect: Effect = Effect.none
  /** What the session was before it, to be put back where it turns out not to have run. */
  before: Session<Repeatable>['mark'] | undefined
  /** Whether it could run on another connection as well, when it was sent. */
  canMove = false
  /** When it was sent, as `sentNow` has said; 0 once what became of it was told. */
  sentAt = 0
  #again: Repeatable | undefined
  /** Of a preparation: the execution that has come after it. */
  execution: GuardedCommand | undefined
  /** Of an execution: its preparation was lost here without a word to its caller; it is prepared anew where it runs. */
  isUnprepared = false
  /** Of an execution: what prepares for it. */
  preparation: GuardedCommand | undefined
  readonly #handler: CommandInterceptor
  #state: 'new' | 'held' | 'sent' | 'over' = 'new'
  /** Its command has gone to another connection: what becomes of this one is of no concern to it. */
  #isElsewhere = false
  #endsElsewhere: Promise<void> | undefined
  #tellEnd: (() => void) | undefined
  #isDelivered = false
  #isGivenUp = false
  #wasSent = false
  #hasBegun = false
  #held: (() => void)[] | undefined

  constructor(handler: CommandInterceptor, command: Command, kind: Kind, analysis: Analysis, scope: Scope | undefined) {
    super(handler.connection)
    this.#handler = handler
    this.command = command
    this.kind = kind
    this.analysis = analysis
    this.scope = scope
    if (command.timeout) this.#noticeGivenUp(command)
  }

  /** What it would be run again as. */
  get again(): Repeatable {
    this.#again ??= repeatable(this.command)
    return this.#again
  }

  /** It is about to be sent. */
  mark({ mark, canMove }: Session<Repeatable>): void {
    this.before = mark
    this.canMove = canMove
    // With the values that it has now.
    if (this.analysis.leaves === 'setting') this.#again = repeatable(this.command)
  }

  /** What the connection tells its end to. */
  get onResult(): Callback {
    return (error) => {
      this.abandon(error)
      if (this.#state === 'over' || this.#isElsewhere) return
      this.#state = 'over'
      this.#handler.failed(this, error, false)
    }
  }

  protected override proceed(packet: Packet | undefined): boolean {
    if (this.#state === 'sent') return this.#receive(packet)
    if (this.#state !== 'new') return this.#state === 'over'
    this.#state = 'held'
    if (!this.#handler.begins(this)) return this.isOver
    return this.#start()
  }

  #start(): boolean {
    this.takesOver()
    return this.#receive(undefined)
  }

  /** Whether its caller has been told that no answer had come in time: what comes later is of no use. */
  get isGivenUp(): boolean {
    return this.#isGivenUp
  }

  /** Whether the server may have got it. */
  get wasSent(): boolean {
    return this.#wasSent
  }

  /** Whether its preparation has failed: the driver has told, and goes through the motions of an execution. Nothing is sent. */
  get wasNotPrepared(): boolean {
    return this.kind === 'execute' && this.command.statement === undefined
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  /** Goes on with a command that was sent by itself. */
  takesOver(): void {
    this.#state = 'sent'
    this.#wasSent = true
    this.sentAt = sentNow()
  }

  /** Sends the command that was held. */
  send(): void {
    if (this.#state !== 'held') return
    this.takesOver()
    this.advance()
  }

  /** The turn is over; what has come of its command is none of this connection's business. */
  finish(): void {
    this.#tellEnd?.()
    if (this.#state === 'over') return
    this.#state = 'over'
    this.advance()
  }

  /** Its command is run on another connection: the turn goes on until it has ended there. */
  moves(): void {
    this.#isElsewhere = true
    this.#endsElsewhere ??= new Promise((resolve) => (this.#tellEnd = resolve))
  }

  /** Resolves when its command has ended on another connection; undefined where it has not gone to one. */
  get endsElsewhere(): Promise<void> | undefined {
    return this.#endsElsewhere
  }

  /** Whether its rows are read bit by bit, at the pace of their reader. */
  get isReadBitByBit(): boolean {
    return this.command.onResult === undefined
  }

  /** Ends the turn of a command whose request was answered with a replay: its caller hears nothing, or what has it give the connection back. */
  drop(database: string): void {
    const { command, connection } = this
    const refusal = this.#handler.isOfPool ? void neverSettles(database) : refusesLate(database, this.scope?.request)
    if (refusal !== undefined) return this.fail(refusal)
    clearTimeout(command.queryTimeout ?? undefined)
    process.nextTick(() => {
      // A reader that takes its rows bit by bit would take the end for that of the rows.
      if (command.onResult === undefined) return connection.destroy()
      command.onResult = undefined
      this.#isDelivered = true
      command.emit('end')
      this.finish()
    })
  }

  /** Ends the turn with an error for the caller, in a later turn of the event loop as the driver does. */
  fail(error: unknown): void {
    noteUnavailable(this.scope, error)
    process.nextTick(() => {
      if (this.#isDelivered) return
      this.deliver(error)
      this.finish()
    })
  }

  /** Hands an error to the caller of the command, in the driver's way. */
  deliver(error: unknown): void {
    const { command } = this
    this.#isDelivered = true
    this.release()
    clearTimeout(command.queryTimeout ?? undefined)
    if (!this.#isGivenUp) {
      if (command.onResult) hand(error, command.onResult)
      else if (command.listenerCount('error') > 0) command.emit('error', error)
    }
    command.emit('end')
  }

  /** Keeps the end from those who listen for it, until `release`: they would be told before we have looked at the answer. */
  holdEvents(): void {
    if (!this.command.onResult) this.hold()
  }

  /** Keeps the answer from the caller, until `release`. To be called when it has just come, or before. */
  hold(): void {
    if (this.#held !== undefined) return
    const { command } = this
    const { onResult, emit } = command
    this.#held = []
    const later = (deliver: () => void): void => {
      if (this.#held === undefined) deliver()
      else this.#held.push(deliver)
    }
    if (onResult) command.onResult = (...args) => later(() => onResult(...args))
    else {
      command.emit = (event: string | symbol, ...args: unknown[]) => {
        if (event !== 'end') return emit.call(command, event, ...args)
        later(() => emit.call(command, event, ...args))
        return true
      }
    }
  }

  /** Lets go of what was held. */
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const deliver of held) deliver()
  }

  #noticeGivenUp(command: Command): void {
    const { _handleTimeoutError: giveUp } = command
    command._handleTimeoutError = () => {
      this.#isGivenUp = true
      this.#handler.givenUp(this)
      giveUp?.call(command)
    }
  }

  /**
   * The first packet of the answer has come. Where nothing hangs on the rest, the command takes this turn's place: each row is a
   * packet, and none of them makes a detour.
   */
  #begins(): void {
    this.#hasBegun = true
    const { command, kind, analysis, scope, connection } = this
    if (!this.#handler.canBypass(command, kind, analysis, scope)) return
    detach(this.#handler, command, kind, analysis, scope, undefined, this.sentAt)
    this.sentAt = 0
    connection._command = command
  }

  #receive(packet: Packet | undefined): boolean {
    const { command, connection } = this
    if (packet?.isError()) {
      const error = Object.assign(packet.asError(connection.clientEncoding), { sql: command.sql ?? command.query })
      this.#state = 'held'
      this.#handler.failed(this, error, true)
      return this.isOver
    }
    if (!command.execute(packet, connection)) {
      if (packet !== undefined && !this.#hasBegun) this.#begins()
      return false
    }
    this.#state = 'held'
    if (this.#handler.answered(this)) this.#state = 'over'
    return this.isOver
  }
}

/** Whether a reader goes at its own pace, and may stand still for ever. */
export function isOpenEnded({ _command: current }: BareConnection): boolean {
  return current instanceof GuardedCommand && current.isReadBitByBit
}

/** What is last in the queue of a connection whose pool ends is what the pool waits for: it is not going to have its turn. */
export function saysGoodbye({ _commands: queue }: BareConnection): void {
  let last: QueueEntry | undefined
  while (queue.length > 0) last = queue.shift()
  if (last !== undefined && !(last instanceof GuardedCommand) && kindOf(last) === undefined) last.onResult?.(undefined)
}
