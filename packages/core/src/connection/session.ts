import { isInside } from '../classify/notes.ts'
import type { Analysis, Dialect } from '../classify/types.ts'
import { keyOf, nameOf, type Setting, textToKnow, unnamed } from './setting.ts'
import { Transaction } from './transaction.ts'
import type { Wire } from './wire.ts'

/** How many different settings are kept at most; with more, the session counts as one that cannot be made again. */
const maxSettings = 1_000

/**
 * What is known of the session on a connection: its transaction, by the server's word where that is the latest and by the
 * texts that are still on their way; the settings that could be made again on another connection; and whether anything else
 * may have been left, which keeps the session on its server.
 */
export class Session<S> {
  readonly #wire: Wire
  readonly #language: Dialect
  readonly #made: (text: string) => S
  readonly #settings: Map<string, Setting<S>> = new Map()
  /** Settings of the app's own that this session knows, whatever they are set to. */
  readonly #names: Set<string> = new Set()
  /** SET TRANSACTION of MySQL, for the transaction that begins next. */
  #next: S[] = []
  #transaction: Transaction<S> | undefined
  /** Whether a transaction will be open when all that was sent has run. */
  #ahead = false
  #residue: string | undefined
  #changes = 0
  /** Settings that were sent and of which the server has not said that they hold. */
  #unsure = 0
  #isReadOnly = false
  /** The server was a replica when the last statement was decided: so it is for a transaction that this one begins. */
  isOnReplica = false
  /** Its server begins a transaction at the end of another (`completion_type`), unless that says otherwise. */
  chains = false
  /** A statement was about to be sent that has it hold something until its connection ends: a lock, or a temporary object. */
  mayHold = false

  /** @param made a statement of ours in the adapter's form */
  constructor(wire: Wire, language: Dialect, made: (text: string) => S) {
    this.#wire = wire
    this.#language = language
    this.#made = made
  }

  /** The transaction that a statement sent now runs in; undefined for autocommit. */
  get transaction(): Transaction<S> | undefined {
    if (!this.#isOpen) this.#transaction = undefined
    // A transaction whose beginning was not seen. MySQL has such while autocommit is off, and that is a setting.
    else this.#transaction ??= this.#begun(this.#language !== 'mysql')
    return this.#transaction
  }

  #begun(used: boolean): Transaction<S> {
    const transaction = new Transaction<S>(used)
    transaction.readOnly = this.#isReadOnly
    return transaction
  }

  /** SET TRANSACTION of MySQL waits for the transaction that it is for: each statement may be that one. */
  get hasMode(): boolean {
    return this.#next.length > 0
  }

  /** Whether it is in a transaction that was begun on a replica. */
  get isInReplicasTransaction(): boolean {
    return this.#transaction?.isOnReplica === true && this.#isOpen
  }

  /** What may have been left in the session that cannot be made again, as a reason code; undefined for nothing. */
  get residue(): string | undefined {
    return this.#residue
  }

  /** It may hold something until its connection ends: a lock, a temporary object, or a transaction. */
  get holds(): boolean {
    const { transaction } = this
    return this.mayHold || (transaction !== undefined && (transaction.used || transaction.begin.length > 0))
  }

  /** How often the session was changed: tells whether it is still what it was when it was new. */
  get changes(): number {
    return this.#changes
  }

  /** What runs now is read-only by the app's own word: by that of its transaction, or by a setting for those that have none. */
  get isReadOnly(): boolean {
    return this.transaction?.readOnly ?? this.#isReadOnly
  }

  /** The server has aborted the transaction, and will answer its COMMIT with ROLLBACK. */
  get isFailed(): boolean {
    const { status, isQuiet } = this.#wire
    return status === undefined ? this.#transaction?.isFailed === true : isQuiet && status === 'failed'
  }

  /** Whether the session could as well go on on another server: nothing of it is here that cannot be made again. */
  get canMove(): boolean {
    return this.#residue === undefined && this.transaction?.used !== true
  }

  /** What makes the session again on another connection, in its order; `begin` and what follows it where a transaction goes along. */
  get image(): { readonly settings: readonly Setting<S>[]; readonly begin: readonly S[] } {
    const { transaction } = this
    const inside = transaction?.settings.map(({ statement }) => statement) ?? []
    return {
      settings: [...this.#undone(), ...this.#settings.values()],
      begin: [...this.#next, ...(transaction?.begin ?? []), ...inside],
    }
  }

  /** Names of the app's own are known from now on. */
  #hears(names: readonly string[]): void {
    for (const name of names) if (name.includes('.') && this.#names.size < maxSettings) this.#names.add(name)
  }

  /** What has a session know the names that no setting has it know. */
  *#undone(): Generator<Setting<S>> {
    const set = new Set(Array.from(this.#settings.values(), ({ names }) => names).flat())
    const names = [...this.#names].filter((name) => !set.has(name))
    if (names.length === 0) return
    yield this.#knows(names)
  }

  #knows(names: readonly string[]): Setting<S> {
    const key = textToKnow(names)
    return { ...unnamed, key, statement: this.#made(key), names, isNamed: true, isLocal: true }
  }

  /** Which of these settings are to be made here so that this session has all of them, in their order. */
  lacks(settings: readonly Setting<S>[]): readonly Setting<S>[] {
    let same = 0
    for (const key of this.#settings.keys()) {
      if (settings[same]?.key !== key) return settings
      same++
    }
    return settings.slice(same)
  }

  /** How many settings were sent of which the server has not said that they hold. */
  get unsure(): number {
    return this.#unsure
  }

  /**
   * What is to be set here so that this session has all that another one has, in which it has gone on; undefined where that would not do:
   * the other one has lost some of it.
   */
  misses(other: Session<S>): readonly Setting<S>[] | undefined {
    const theirs = [...other.#settings.values()]
    const names = [...other.#names].filter((name) => !this.#names.has(name))
    const known = names.length === 0 ? [] : [this.#knows(names)]
    const missing = this.lacks(theirs)
    if (theirs.length - missing.length === this.#settings.size) return [...known, ...missing]
    return [...this.#settings.keys()].every((key) => other.#settings.has(key)) ? [...known, ...theirs] : undefined
  }

  /** A setting of another session was made here too. */
  learns(setting: Setting<S>): void {
    this.#changes++
    this.#hears(setting.names)
    this.#keep(setting)
  }

  /** Takes note of a statement that is sent (or, where its driver tells only then, that was answered). */
  sends(statement: S, analysis: Analysis): void {
    this.#follow(statement, analysis)
    if (analysis.sets !== undefined) {
      this.#unsure++
      this.#sets()
    }
    if (analysis.synchronousCommit && this.#transaction !== undefined) this.#transaction.asynchronous = true
    if (analysis.leaves === 'something') this.#residue ??= analysis.reason
  }

  /**
   * The server has done what a statement asked for: what it has set holds from now on.
   *
   * @param values bound to the text
   */
  acknowledges(statement: S, text: string, analysis: Analysis, values?: unknown): void {
    const { sets } = analysis
    if (sets === undefined) return
    this.#unsure--
    const names = sets.names.map((name) => nameOf(name, values)).filter((name) => name !== undefined)
    this.#hears(names)
    if (sets.discards) return this.forget()
    if (analysis.several && analysis.transaction !== undefined) {
      this.#residue ??= analysis.reason
      return
    }
    const transaction = this.#undoes ? this.transaction : undefined
    const { isLocal, isDatabase, isOfOne, readOnly } = sets
    if (isOfOne && transaction !== undefined && readOnly !== undefined) transaction.readOnly = readOnly
    const lasting = isOfOne ? undefined : readOnly
    const isNamed = names.length === sets.count
    const setting = { key: keyOf(text, values), statement, names, isNamed, isLocal, isDatabase, readOnly: lasting }
    if (transaction !== undefined) transaction.settings.push(setting)
    else this.#keep(setting)
  }

  /** The server has refused what a statement asked for. */
  declines({ sets }: Analysis): void {
    if (sets !== undefined) this.#unsure--
  }

  /** What a statement changes by being sent, to be put back where it turns out not to have run. */
  get mark(): { readonly used: boolean; readonly residue: string | undefined } {
    return { used: this.transaction?.used === true, residue: this.#residue }
  }

  /** The statement that came after the mark has not run here after all. */
  returnTo({ used, residue }: Session<S>['mark']): void {
    if (this.#transaction !== undefined) this.#transaction.used = used
    this.#residue = residue
  }

  /** A statement has failed. */
  fails({ transaction: control, several }: Analysis): void {
    const transaction = this.#transaction
    // A BEGIN that has failed has begun nothing; nor has an ending with AND CHAIN.
    const isOver = control === 'commit' || control === 'rollback' || (control === 'begin' && !transaction?.hasGoneOn)
    if (isOver && !several) this.leavesTransaction()
    else if (this.#language === 'postgres' && transaction !== undefined) transaction.isFailed = true
  }

  /**
   * A text of several statements has failed, and those before the one that has failed have run: `USE`, `START TRANSACTION`. PostgreSQL
   * undoes them, as far as the text has not committed; but the names of the app's own settings it knows from then on.
   */
  failsHalfway({ several, leaves, transaction: control, sets }: Analysis): void {
    if (!several) return
    const isUndone = this.#undoes && (control === undefined || control === 'begin' || isInside(control))
    const namesNothing = !sets?.names.some((name) => typeof name === 'number' || name.includes('.'))
    if ((isUndone && namesNothing) || (leaves === 'nothing' && control === undefined)) return
    this.#changes++
    this.isUnknown()
  }

  /** The transaction was given up: a ROLLBACK of ours is on its way. */
  leavesTransaction(): void {
    this.#ahead = false
    this.#transaction = undefined
    this.#next = []
  }

  /** The app gave the connection back: what the next user of it cannot know of does not bind them. Settings of known values stay. */
  givenBack(): void {
    this.#residue = undefined
  }

  /** It was made another one by something that is no text, and can be made so elsewhere. */
  becomes(statement: S): void {
    this.#changes++
    this.#keep({ ...unnamed, key: '', statement, isDatabase: true })
  }

  /** What has become of it is not known: it stays on its server. */
  isUnknown(): void {
    this.#residue ??= 'session'
  }

  /**
   * The session was reset: nothing of it is left.
   *
   * @param keepsDatabase but the database that it uses (COM_RESET_CONNECTION; measured on MySQL 9.7 and MariaDB 10.11)
   */
  forget(keepsDatabase = false): void {
    this.#changes++
    for (const { key, isDatabase } of this.#settings.values()) {
      if (!(keepsDatabase && isDatabase)) this.#settings.delete(key)
    }
    this.#next = []
    this.#residue = undefined
    this.mayHold = false
    this.#isReadOnly = false
    if (this.#wire.status === undefined) this.leavesTransaction()
  }

  // --- what the statements say ----------------------------------------------------------------------------------------

  #follow(statement: S, analysis: Analysis): void {
    const { transaction: control, several, chain, readOnly, leaves } = analysis
    const open = this.#isOpen
    this.#ahead = open
    if (control === 'begin') {
      this.#ahead = true
      if (open && !several && this.#language !== 'mysql') {
        // It begins none; its modes are for the one that is open.
        if (analysis.hasModes) this.#setTransaction(statement, analysis)
        return
      }
      // MySQL 9.7 gives the modes of a transaction to the one that a BEGIN in it begins; MariaDB 10.11 does not.
      const before = open && this.#language === 'mysql' ? this.#transaction : undefined
      const isUnclear = before !== undefined && readOnly === undefined && (before.readOnly || before.begin.length > 1)
      this.#transaction = this.#begun(several || isUnclear)
      if (readOnly !== undefined) this.#transaction.readOnly = readOnly
      this.#transaction.isSnapshot = !this.#undoes || analysis.isSnapshot
      this.#transaction.isOnReplica = this.isOnReplica
      if (!several) this.#transaction.begin.push(...this.#next, statement)
      this.#next = []
    } else if (control === 'commit' || control === 'rollback' || control === 'prepare') {
      this.#ends(control === 'commit' && !this.isFailed)
      // Without a transaction it ends the one that SET TRANSACTION was for.
      this.#next = []
      this.#ahead = chain ?? this.chains
      this.#transaction = this.#ahead ? this.#chained(several) : undefined
    } else if (control === 'set' && !several) this.#setTransaction(statement, analysis)
    else if (control === 'rollback-to') this.#rollsBackTo()
    else {
      const { transaction } = this
      // A statement that reads a table is the transaction that SET TRANSACTION was for, and then it is not for the next one.
      if (this.hasMode && !open && leaves !== 'setting') this.#residue ??= 'set-transaction'
      if (!open || transaction === undefined) this.#transaction = undefined
      else if (leaves !== 'setting' || several) transaction.used = true
    }
  }

  /** With the modes of the one before it; behind an error, PostgreSQL has forgotten them (measured on 18). */
  #chained(several: boolean): Transaction<S> {
    const before = this.isFailed ? undefined : this.#transaction
    const chained = this.#begun(several)
    chained.begin.push(
      ...(before?.begin.length ? before.begin : [this.#made(this.#undoes ? 'begin' : 'start transaction')]),
    )
    if (before !== undefined) chained.readOnly = before.readOnly
    chained.isSnapshot = before?.isSnapshot ?? !this.#undoes
    chained.isOnReplica = this.isOnReplica
    return chained
  }

  #setTransaction(statement: S, { readOnly, isSnapshot }: Analysis): void {
    const { transaction } = this
    // For the transaction that begins next.
    if (this.#language === 'mysql') this.#next.push(statement)
    else if (transaction !== undefined && !transaction.used) {
      transaction.begin.push(statement)
      transaction.readOnly = readOnly ?? transaction.readOnly
      transaction.isSnapshot ||= isSnapshot
    }
  }

  /** Something is set, acknowledged or not: the session is no longer what it was. What is set in a transaction is not, once it is undone. */
  #sets(): void {
    const transaction = this.#undoes ? this.transaction : undefined
    if (transaction === undefined) this.#changes++
    else transaction.sets = true
  }

  /** What was set in a transaction that is over holds, or is undone, as its server has it. */
  #ends(isCommitted: boolean): void {
    const { settings = [], sets = false } = this.#transaction ?? {}
    if (sets && isCommitted) this.#changes++
    // Ended ahead of its answers, it may turn out to have failed.
    if (settings.some(({ isLocal }) => !isLocal) && !this.#wire.isQuiet) this.#residue ??= 'session'
    for (const setting of settings) if (isCommitted) this.#keep(setting)
  }

  /** Which of the settings after the savepoint were undone is not known. */
  #rollsBackTo(): void {
    const { transaction } = this
    if (transaction === undefined) return
    transaction.used = true
    // What has failed after the savepoint is undone with it.
    transaction.isFailed = false
    if (transaction.settings.length > 0) this.#residue ??= 'rollback-to'
  }

  #keep(setting: Setting<S>): void {
    const { key, names, isLocal, readOnly } = setting
    // The transaction that it was for is over: the session knows its names, and nothing else of it is left.
    if (isLocal) return
    if (readOnly !== undefined) this.#isReadOnly = readOnly
    // The last one of a name counts, whatever it says, and moves to the end: an app of many tenants sets one for each.
    for (const other of this.#settings.values()) {
      if (other.isNamed && names.length > 0 && other.names.every((name) => names.includes(name)))
        this.#settings.delete(other.key)
    }
    this.#settings.delete(key)
    this.#settings.set(key, setting)
    if (this.#settings.size > maxSettings) this.#residue ??= 'settings'
  }

  /** Whether ROLLBACK undoes settings. */
  get #undoes(): boolean {
    return this.#language === 'postgres'
  }

  get #isOpen(): boolean {
    const { status, isQuiet } = this.#wire
    return status !== undefined && isQuiet ? status !== 'idle' : this.#ahead
  }
}
