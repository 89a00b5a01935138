import {
  Action,
  Effect,
  ifStillWanted,
  interpretError,
  type Position,
  type RequestState,
  type Transaction,
  upTo,
} from '@flyroute/core/adapter'
import { type Command, familyOf, type ResultHeader } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import type { GuardedCommand } from './guarded-command.ts'
import type { Repeatable } from './repeatable.ts'

/** What makes the server add the GTID to its answers, beside whatever the app has it add. */
const tracking = {
  mysql:
    "set session session_track_gtids = if(@@session.session_track_gtids = 'OFF', 'OWN_GTID', @@session.session_track_gtids)",
  mariadb: `set session session_track_system_variables = if(@@session.session_track_system_variables = '*', '*',
    trim(leading ',' from concat(@@session.session_track_system_variables, ',last_gtid')))`,
} as const

/** Where the answer has rows, and with them no place for a GTID. */
const lastPosition = { mysql: 'select @@global.gtid_executed', mariadb: 'select @@session.last_gtid' } as const

/** Commands on a primary: sent as they are, and in a request the position after what commits is read from the server's answer. */
export class OnPrimary {
  readonly #connection: Guarded
  /** Whether the server adds GTIDs to its answers on this connection; undefined before it was told to. */
  #tracks: boolean | undefined
  /** MariaDB: the last GTID of this session that was seen. */
  #last: string | undefined

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  /** The session is reset: what was written in a transaction is rolled back. */
  forget(): void {
    this.#tracks = undefined
    this.#connection.guard.writes.leavesTransaction('failed')
  }

  /** The app may change what the server tells; in between it may have been anything. Texts as long are no settings. */
  overhears({ sql = '', query = sql }: Command): void {
    if (query.length < 1_000 && /session_track/i.test(query)) this.#tracks = undefined
  }

  begins(guarded: GuardedCommand): boolean {
    if (guarded.scope === undefined) return true
    if (guarded.effect !== Effect.none) guarded.holdEvents()
    // Across an ocean, what only reads does not wait for that.
    if (this.#tracks !== undefined || (guarded.effect === Effect.none && this.#connection.guard.isFar)) return true
    this.#track(guarded).then(
      () => {
        const isWanted = ifStillWanted(Action.here, guarded.scope) === Action.here
        if (isWanted) guarded.send()
        else guarded.drop(this.#connection.database.replication.name)
      },
      (error: unknown) => this.failed(guarded, error, false),
    )
    return false
  }

  answered(
    guarded: GuardedCommand,
    headers: readonly ResultHeader[],
    before: Transaction<Repeatable> | undefined,
  ): boolean {
    if (guarded.analysis.reason === 'set') this.overhears(guarded.command)
    const request = guarded.scope?.request
    if (request === undefined) return true
    const own = this.#ownGtids(headers)
    this.#endTransaction(before, guarded, own !== undefined)
    if (own === undefined && this.#mustAsk(guarded, headers)) {
      guarded.hold()
      void this.#ask(guarded, request).finally(() => {
        guarded.release()
        guarded.finish()
      })
      return false
    }
    this.#took(guarded, request, own === undefined ? undefined : this.#position(own))
    guarded.release()
    return true
  }

  /** Whether it was committed is not known, and will not be. */
  givenUp(guarded: GuardedCommand): void {
    this.#endCommit(guarded, 'unknown')
  }

  failed(guarded: GuardedCommand, error: unknown, isAnswer: boolean): void {
    const { guard, wire } = this.#connection
    const { analysis, scope, effect } = guarded
    if (effect === Effect.commits) this.#endCommit(guarded, isAnswer ? 'failed' : 'unknown')
    else if (!isAnswer) {
      guard.writes.leavesTransaction('failed')
      wire.status = 'idle'
    }
    const verdict = interpretError(guard, { analysis, text: undefined, scope, error, wasSent: true, canMove: false })
    if (verdict === 'drop') return guarded.drop(guard.database.replication.name)
    guarded.deliver(error)
    guarded.finish()
  }

  async #track(guarded: GuardedCommand): Promise<void> {
    const { database, guard } = this.#connection
    const family = familyOf(this.#connection.connection)
    this.#tracks = false
    if (guard.server?.at === undefined) return
    try {
      await guarded.ask(tracking[family])
      this.#tracks = true
    } catch (error) {
      if (database.facts.readError(error) === 'unavailable') throw error
      database.replication.written.withoutPosition(error)
    }
  }

  /** The transaction that was written in may be over: by COMMIT, by ROLLBACK, or by a statement that commits on the way. */
  #endTransaction(before: Transaction<Repeatable> | undefined, { effect }: GuardedCommand, committed: boolean): void {
    const { session, writes } = this.#connection.guard
    if (before === undefined || (session.transaction === before && !committed)) return
    writes.endsTransaction(before, committed || effect === Effect.commits ? 'done' : 'failed')
  }

  #endCommit(guarded: GuardedCommand, outcome: 'failed' | 'unknown'): void {
    const { effect, scope } = guarded
    if (effect !== Effect.commits || scope === undefined) return
    guarded.effect = Effect.none
    const { session, writes } = this.#connection.guard
    writes.ends(scope.request, session.transaction, outcome)
  }

  #ownGtids(headers: readonly ResultHeader[]): string | undefined {
    const found: string[] = []
    for (const { stateChanges } of headers) {
      const last = stateChanges?.systemVariables?.['last_gtid']
      found.push(...(stateChanges?.gtids ?? []))
      if (last !== undefined && last !== '') found.push((this.#last = last))
    }
    return found.length === 0 ? undefined : found.join(',')
  }

  /** Whether something may have been committed that the answer had no place to tell. */
  #mustAsk({ effect, analysis, command, scope }: GuardedCommand, headers: readonly ResultHeader[]): boolean {
    if (effect === Effect.reads) return true
    if (effect !== Effect.commits || this.#tracks !== true || scope?.consistency === 'none') return false
    const hadRows = headers.length < (command._rows?.length ?? 0)
    const endedWithRows = hadRows && headers.at(-1) !== command._rows?.at(-1)
    if (endedWithRows) return analysis.reason !== 'locking-clause' && analysis.reason !== 'advisory-lock'
    return headers.some(hasChanged)
  }

  async #ask(guarded: GuardedCommand, request: RequestState): Promise<void> {
    const { database, guard } = this.#connection
    const family = familyOf(this.#connection.connection)
    try {
      if (guarded.effect === Effect.reads) return await this.#connection.sees(guarded, request)
      const [row] = await guarded.ask(lastPosition[family])
      const own = (row?.[0] ?? '').replaceAll(/\s/g, '')
      // The one tells all that it has, the other the last one of this session.
      if (family === 'mysql') return this.#took(guarded, request, this.#at(own))
      const isNew = own !== '' && own !== this.#last
      this.#last = own
      // It might have written, and has not: then what it has read counts.
      if (!isNew && guarded.scope?.consistency === 'monotonic') await this.#connection.sees(guarded, request)
      this.#took(guarded, request, isNew ? this.#position(own) : undefined)
    } catch (error) {
      if (guarded.effect !== Effect.commits) return database.replication.written.withoutPosition(error)
      guard.ends(guarded.analysis, request, undefined, 'done')
      guard.writes.took(request, error instanceof Error ? error : new Error('No position', { cause: error }))
    }
  }

  #took(guarded: GuardedCommand, request: RequestState, position: Position | undefined): void {
    const { guard, database } = this.#connection
    const { replication } = database
    if (guarded.effect === Effect.commits) {
      guard.ends(guarded.analysis, request, undefined, 'done')
      // Where the server tells, and has told nothing, nothing was changed.
      if (position !== undefined || this.#tracks !== true) replication.written.wrote(request, position)
    } else if (position !== undefined) {
      request.noteCommit(replication.name)
      replication.written.wrote(request, position)
    }
  }

  /** All that this primary had, and what it has had of others: that tells it from one before it, and from one after it. */
  #position(own: string): Position {
    return this.#at(upTo(this.#connection.guard.server?.at ?? '', own))
  }

  #at(at: string): Position {
    return this.#connection.database.positionAt(this.#connection.guard.server, at)
  }
}

/** Whether rows were changed. Of an UPDATE the driver has the server count those that were found, and tells both. */
function hasChanged({ affectedRows = 0, changedRows = 0, info = '' }: ResultHeader): boolean {
  return info.startsWith('Rows matched') ? changedRows > 0 : affectedRows > 0
}
