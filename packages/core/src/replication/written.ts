import { errorCode, publish } from '../events.ts'
import { mergePositions, type Position, type PositionAlgebra, type ServerInstance } from '../position.ts'
import type { RequestState, WriteOutcome } from '../request/state.ts'
import { type Freshness, withoutPositionMs } from '../token.ts'

/** Stands where a position is still to be asked for: a client that is answered now reads from the primary for a while. */
class Owed {
  readonly until: number = Date.now() + withoutPositionMs
  /** How often. */
  count = 0
  /** What is to stand there then. */
  taken: Freshness | undefined
  /** Where it was written; undefined while it was only read. */
  writtenOn: ServerInstance | undefined

  constructor(taken: Freshness | undefined) {
    this.taken = taken
  }
}

/** What this process has written to one database, and seen of it: where its clients' next tokens come from. */
export class Written {
  readonly #database: string
  readonly #algebra: PositionAlgebra
  #furthestWritten: Position | undefined
  #furthestRead: Position | undefined

  constructor(database: string, algebra: PositionAlgebra) {
    this.#database = database
    this.#algebra = algebra
  }

  /** The furthest position that this process has written; undefined where it has written nothing. */
  get furthest(): Position | undefined {
    return this.#furthestWritten
  }

  /** A write is about to be sent to the primary: from now on the request must not run a second time. */
  begins(request: RequestState): void {
    if (!request.beginWrite(this.#database)) request.written.add(this.#database)
  }

  /** @param outcome `failed`: the server answered that it did not happen; `unknown`: no answer came. */
  ends(request: RequestState, outcome: WriteOutcome): void {
    request.endWrite(this.#database, outcome)
    if (outcome === 'unknown') this.wrote(request, undefined)
  }

  /** The position after what has just been answered is asked for later: `pays`, and then `wrote` or `read`, say that it was. */
  owes(request: RequestState): void {
    const before = request.positions.get(this.#database)
    const owed = before instanceof Owed ? before : new Owed(before)
    owed.count++
    request.positions.set(this.#database, owed)
  }

  /** What is owed was written, on a server that keeps positions. */
  owesWrite({ positions }: RequestState, server: ServerInstance | undefined): void {
    const owed = positions.get(this.#database)
    if (owed instanceof Owed && server?.at !== undefined) owed.writtenOn = server
  }

  /**
   * Whether a request has written on another primary than this, and its position is still owed, so that nothing can be compared yet:
   * one of the two has taken over from the other.
   */
  isElsewhere(owed: Freshness, { id, at }: ServerInstance): boolean {
    if (!(owed instanceof Owed) || owed.writtenOn === undefined || at === undefined) return false
    return owed.writtenOn.id !== id
  }

  /** What was owed has been asked for. */
  pays({ positions }: RequestState): void {
    const owed = positions.get(this.#database)
    if (!(owed instanceof Owed) || --owed.count > 0) return
    if (owed.taken === undefined) positions.delete(this.#database)
    else positions.set(this.#database, owed.taken)
  }

  /** The position after a write; undefined where none could be had: then the client reads from the primary for a while. */
  wrote(request: RequestState, position: Position | undefined): void {
    const before = this.#before(request)
    if (position === undefined) this.#put(request, { until: Date.now() + withoutPositionMs })
    else {
      this.#furthestWritten = this.#later(this.#furthestWritten, position)
      if (before === undefined || !('until' in before)) this.#put(request, this.#furthestWritten)
    }
    if (request.isAnswering) publish('token-missed', { database: this.#database })
  }

  /** The position that a monotonic read has seen. */
  read(request: RequestState, position: Position): void {
    this.#furthestRead = this.#later(this.#furthestRead, position)
    const before = this.#before(request)
    if (before === undefined || !('until' in before)) this.#put(request, this.#later(before, position))
  }

  /** Why no position could be had. */
  withoutPosition(cause: unknown): void {
    publish('position-unavailable', { database: this.#database, code: errorCode(cause) })
  }

  /**
   * A position, raised to the furthest one that this process has written or (monotonic) read: answers overtake each other,
   * and the last one to arrive must not take a client back.
   */
  latest(position: Position): Position {
    const written = this.#later(this.#furthestWritten, position)
    return this.#furthestRead === undefined ? written : mergePositions(written, this.#furthestRead, this.#algebra)
  }

  #before({ positions }: RequestState): Freshness | undefined {
    const before = positions.get(this.#database)
    return before instanceof Owed ? before.taken : before
  }

  #put({ positions }: RequestState, freshness: Freshness): void {
    const before = positions.get(this.#database)
    if (before instanceof Owed) before.taken = freshness
    else positions.set(this.#database, freshness)
  }

  #later(before: Position | undefined, position: Position): Position {
    return before === undefined ? position : mergePositions(before, position, this.#algebra)
  }
}
