import { ReplayUnavailableError } from '@flyroute/core'
import { type Position, type RequestState, upTo } from '@flyroute/core/adapter'
import type { Command, ResultHeader } from './driver-types.ts'
import type { Guard } from './guard.ts'
import { noteUnreachable } from './outage.ts'
import { readError } from './refusal.ts'
import type { Transaction } from './session.ts'
import type { Turn } from './turn.ts'

/** What makes the server add the GTID to its answers, beside whatever the app has it add. */
const tracking = {
  mysql:
    "set session session_track_gtids = if(@@session.session_track_gtids = 'OFF', 'OWN_GTID', @@session.session_track_gtids)",
  mariadb: `set session session_track_system_variables = if(@@session.session_track_system_variables = '*', '*',
    trim(leading ',' from concat(@@session.session_track_system_variables, ',last_gtid')))`,
} as const

/** Where the answer has rows, and with them no place for a GTID. */
const lastPosition = { mysql: 'select @@global.gtid_executed', mariadb: 'select @@session.last_gtid' } as const

/**
 * A connection to a primary, used in a request: everything is sent as it is, and the position behind whatever commits
 * something is read from the server's own answer.
 */
export class PrimarySide {
  readonly #guard: Guard
  /** Another primary has taken over from this one, and a client has seen it: nothing of here may be shown any more. */
  isStale = false
  /** Whether the server adds GTIDs to its answers on this connection; undefined before it was told to. */
  #tracks: boolean | undefined
  /** MariaDB: the last GTID of this session that we have seen. */
  #last: string | undefined

  constructor(guard: Guard) {
    this.#guard = guard
  }

  /** The session is reset: what was written in a transaction is rolled back. */
  forget(): void {
    this.#tracks = undefined
    const writer = this.#guard.session.transaction?.writer
    if (writer !== undefined) this.#guard.database.replication.written.ends(writer, 'failed')
  }

  /** The app may change what the server tells; in between it may have been anything. Texts as long are no settings. */
  overhears({ sql = '', query = sql }: Command): void {
    if (query.length < 1_000 && /session_track/i.test(query)) this.#tracks = undefined
  }

  /** The app has given the connection back in the middle of a transaction: nobody knows what will come of it. */
  leave(): void {
    const { session, database } = this.#guard
    const writer = session.transaction?.writer
    if (session.transaction === undefined || writer === undefined) return
    session.transaction.writer = undefined
    database.replication.written.ends(writer, 'unknown')
  }

  begins(turn: Turn): boolean {
    const { scope } = turn
    const { database, server } = this.#guard
    const { replication } = database
    const refusal = this.#refusal(turn)
    if (refusal !== undefined) {
      turn.fail(refusal)
      return false
    }
    if (scope === undefined) return true
    const need = replication.freshness.need(scope)
    if (server !== undefined && replication.freshness.assess(need, server) === 'stale-primary') {
      this.isStale = true
      turn.fail(new ReplayUnavailableError('stale-primary'))
      return false
    }
    if (this.#tracks === undefined) {
      this.#track(turn).then(
        () => {
          this.#prepareFor(turn, scope.request)
          turn.send()
        },
        (error: unknown) => turn.fail(error),
      )
      return false
    }
    this.#prepareFor(turn, scope.request)
    return true
  }

  answered(turn: Turn, headers: readonly ResultHeader[]): boolean {
    const { session } = this.#guard
    const { transaction: before } = session
    session.ran(turn, headers.at(-1))
    if (turn.analysis.reason === 'set') this.overhears(turn.command)
    const request = turn.scope?.request
    if (request === undefined) return true
    const own = this.#ownGtids(headers)
    this.#endTransaction(before, turn, own !== undefined)
    if (own === undefined && this.#mustAsk(turn, headers)) {
      turn.hold()
      void this.#ask(turn, request).finally(() => {
        turn.release()
        turn.finish()
      })
      return false
    }
    this.#took(turn, request, own === undefined ? undefined : this.#position(own))
    turn.release()
    return true
  }

  /** Whether it will be committed, nobody will hear. */
  givenUp(turn: Turn): void {
    this.#endCommit(turn, 'unknown')
  }

  failed(turn: Turn, error: unknown, isAnswer: boolean): void {
    const { scope, effect } = turn
    if (effect === 'commit') this.#endCommit(turn, isAnswer ? 'failed' : 'unknown')
    else if (!isAnswer) this.#lose()
    noteUnreachable(scope, error)
    turn.deliver(error)
    turn.finish()
  }

  // --- before -------------------------------------------------------------------------------------------------------

  /**
   * From a region with a replica, a write takes an ocean only where it may: this connection may have been given out for
   * reads, because the replica was down.
   */
  #refusal({ analysis, scope }: Turn): unknown {
    const { database, side } = this.#guard
    const { replication } = database
    if (side !== 'primary' || replication.topology.role === 'primary') return undefined
    if (analysis.access === 'read' || analysis.transaction !== undefined) return undefined
    try {
      replication.router.route('write', analysis.reason, scope)
      return undefined
    } catch (error) {
      return error
    }
  }

  async #track(turn: Turn): Promise<void> {
    const kind = this.#guard.greeting?.flavour.kind ?? 'modest'
    const hasGtids = kind !== 'modest' && this.#guard.greeting?.observation.at !== undefined
    this.#tracks = false
    if (!hasGtids) return
    this.#tracks = await turn.ask(tracking[kind]).then(
      () => true,
      (error: unknown) => {
        if (readError(error) === 'unavailable') throw error
        this.#guard.database.replication.written.withoutPosition(error)
        return false
      },
    )
  }

  /** Notes what the statement does to the request, before it does it. */
  #prepareFor(turn: Turn, request: RequestState): void {
    const { analysis, kind } = turn
    const { session, database } = this.#guard
    const { transaction } = session
    const { transaction: control, several } = analysis
    if (kind === 'prepare') return
    const writes = analysis.access !== 'read' || request.captureAfterEveryStatement
    if (control === undefined || several) {
      const commits = transaction === undefined || control !== undefined
      if (writes && commits) this.#commits(turn, request)
      else if (writes) this.#writesIn(transaction as Transaction, request)
      else if (several && control !== undefined && transaction?.writer !== undefined) this.#commits(turn, request)
      else if (turn.scope?.consistency === 'monotonic') turn.effect = 'read'
    } else if (control === 'commit' && transaction?.writer !== undefined) this.#commits(turn, request)
    if (turn.effect !== undefined) turn.holdEvents()
    if (turn.effect !== 'commit' && writes) request.written.add(database.replication.name)
  }

  #commits(turn: Turn, request: RequestState): void {
    turn.effect = 'commit'
    this.#guard.database.replication.written.begins(request)
  }

  /** A write whose COMMIT is still to come: until then, and after it, the request must not run a second time. */
  #writesIn(transaction: Transaction, request: RequestState): void {
    if (transaction.writer !== undefined) return
    transaction.writer = request
    this.#guard.database.replication.written.begins(request)
  }

  // --- behind -------------------------------------------------------------------------------------------------------

  /** The transaction that was written in may be over: by COMMIT, by ROLLBACK, or by a statement that commits on the way. */
  #endTransaction(before: Transaction | undefined, { effect }: Turn, committed: boolean): void {
    const { session, database } = this.#guard
    const writer = before?.writer
    if (before === undefined || writer === undefined) return
    if (session.transaction === before && !committed) return
    before.writer = undefined
    database.replication.written.ends(writer, committed || effect === 'commit' ? 'done' : 'failed')
  }

  #endCommit(turn: Turn, outcome: 'failed' | 'unknown'): void {
    const { effect, scope } = turn
    if (effect !== 'commit' || scope === undefined) return
    turn.effect = undefined
    const { session, database } = this.#guard
    const { transaction } = session
    database.replication.written.ends(scope.request, outcome)
    if (transaction?.writer === undefined) return
    database.replication.written.ends(transaction.writer, outcome)
    transaction.writer = undefined
  }

  /** The connection is lost with a transaction on it that was not told to commit. */
  #lose(): void {
    const { session, database } = this.#guard
    const writer = session.transaction?.writer
    session.transaction = undefined
    if (writer !== undefined) database.replication.written.ends(writer, 'failed')
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
  #mustAsk({ effect, analysis, command, scope }: Turn, headers: readonly ResultHeader[]): boolean {
    if (effect === 'read') return true
    if (effect !== 'commit' || this.#tracks !== true || scope?.consistency === 'none') return false
    const hadRows = headers.length < (command._rows?.length ?? 0)
    const endedWithRows = hadRows && headers.at(-1) !== command._rows?.at(-1)
    if (endedWithRows) return analysis.reason !== 'locking-clause' && analysis.reason !== 'advisory-lock'
    return headers.some(hasChanged)
  }

  async #ask(turn: Turn, request: RequestState): Promise<void> {
    const { replication } = this.#guard.database
    const kind = this.#guard.greeting?.flavour.kind
    try {
      if (turn.effect === 'read') {
        await this.#guard.learn(turn)
        const seen = this.#guard.server?.at
        if (seen !== undefined) replication.written.read(request, this.#at(seen))
        return
      }
      if (kind !== 'mysql' && kind !== 'mariadb') return this.#took(turn, request, undefined)
      const [row] = await turn.ask(lastPosition[kind])
      const last = row?.[0]
      const own = typeof last === 'string' ? last.replaceAll(/\s/g, '') : ''
      // The one tells all that it has, the other the last one of this session.
      if (kind === 'mysql') return this.#took(turn, request, this.#at(own))
      const isNew = own !== '' && own !== this.#last
      this.#last = own
      this.#took(turn, request, isNew ? this.#position(own) : undefined)
    } catch (error) {
      replication.written.withoutPosition(error)
      if (turn.effect === 'commit') {
        replication.written.ends(request, 'done')
        replication.written.wrote(request, undefined)
      }
    }
  }

  #took(turn: Turn, request: RequestState, position: Position | undefined): void {
    const { replication } = this.#guard.database
    if (turn.effect === 'commit') {
      replication.written.ends(request, 'done')
      // Where the server tells, and has told nothing, nothing was changed.
      if (position !== undefined || this.#tracks !== true) replication.written.wrote(request, position)
    } else if (position !== undefined) {
      request.noteCommit(replication.name)
      replication.written.wrote(request, position)
    }
  }

  /** All that this primary had, and what it has had of others: that tells it from one before it, and from one behind it. */
  #position(own: string): Position {
    return this.#at(upTo(this.#guard.server?.at ?? '', own))
  }

  #at(at: string): Position {
    const { server, greeting } = this.#guard
    const time = Math.max(0, Math.round(Date.now() + (greeting?.clockOffsetMs ?? 0)))
    return { cluster: server?.cluster ?? '', epoch: server?.epoch ?? 0, at, time }
  }
}

/** Whether rows were changed. Of an UPDATE the driver has the server count those that were found, and tells both. */
function hasChanged({ affectedRows = 0, changedRows = 0, info = '' }: ResultHeader): boolean {
  return info.startsWith('Rows matched') ? changedRows > 0 : affectedRows > 0
}
