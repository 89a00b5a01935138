import { errorCode, publish } from '../events.ts'
import { mergePositions, type Position, type PositionAlgebra } from '../position.ts'
import type { RequestState, WriteOutcome } from '../request/state.ts'
import { withoutPositionMs } from '../token.ts'

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

  /** The position after a write; undefined where none could be had: then the client reads from the primary for a while. */
  wrote(request: RequestState, position: Position | undefined): void {
    const before = request.positions.get(this.#database)
    if (position === undefined) {
      request.positions.set(this.#database, { until: Date.now() + withoutPositionMs })
    } else {
      this.#furthestWritten = this.#later(this.#furthestWritten, position)
      if (before === undefined || !('until' in before)) request.positions.set(this.#database, this.#furthestWritten)
    }
    if (request.isAnswering) publish('token-missed', { database: this.#database })
  }

  /** The position that a monotonic read has seen. */
  read(request: RequestState, position: Position): void {
    this.#furthestRead = this.#later(this.#furthestRead, position)
    const before = request.positions.get(this.#database)
    if (before !== undefined && 'until' in before) return
    request.positions.set(this.#database, this.#later(before, position))
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

  #later(before: Position | undefined, position: Position): Position {
    return before === undefined ? position : mergePositions(before, position, this.#algebra)
  }
}
