/** A request, as far as an error of its refusal asks for it. */
export interface Refused {
  /** Whether the replay does what has failed with the error, so that it needs nothing else. */
  makesUpFor(error: unknown): boolean
  /** Whether it was answered with a replay, or is going to be. */
  readonly willBeReplayed: boolean
}

/** Where an error keeps its request. All copies of the package share it, so that one of them looks after the errors of all. */
const request = Symbol.for('flyroute.request.v1')

/** Notes whose refusal an error is. */
export function belongsTo(error: object, refused: Refused): void {
  Reflect.defineProperty(error, request, { value: refused, configurable: true })
}

/** The request whose refusal an error is; undefined where none is known. */
export function ownerOf(error: object): Refused | undefined {
  return Reflect.get(error, request) as Refused | undefined
}
