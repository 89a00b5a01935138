/**
 * A write as its client asked for it. The id occurs once in the whole history, so that each copy of it, and each place
 * where it is missing, can be told.
 */
export interface WriteStep {
  readonly kind: 'write'
  readonly key: string
  readonly id: string
  /** The version that the row has through it, as the database returned it; undefined where no answer told. */
  readonly version?: number | undefined
  /** Its commit was answered before it was on the disk, by the app's own wish: for a moment, a crash may take it back. */
  readonly isAsynchronous?: boolean | undefined
}

/** What a request saw of a row. */
export interface ReadStep {
  readonly kind: 'read'
  readonly key: string
  /** How often the row had been written; 0 for one that was never written. */
  readonly version: number
  /** The id of the newest write in it; undefined at version 0. */
  readonly last?: string | undefined
  /** The ids of all writes in it, oldest first, where the row keeps them. */
  readonly items?: readonly string[] | undefined
}

export type Step = WriteStep | ReadStep

/** One request of one user, from when it was sent to when its answer was there. Times are those of one clock (ms). */
export interface Operation {
  readonly user: string
  /** Where the user was. */
  readonly region: string
  /** What sort of request it was. */
  readonly name: string
  readonly begun: number
  readonly ended: number
  /** `acknowledged`: a 2xx answer came. `failed`: anything else, and what it writes may have happened or not. */
  readonly outcome: 'acknowledged' | 'failed'
  /** Status of the answer; undefined where none came. */
  readonly status?: number | undefined
  /** What it did, in its order; of a failed one, the writes that it asked for. */
  readonly steps: readonly Step[]
  /** Its writes may be missing from later reads of the same user: they came when the answer had begun already. */
  readonly late?: boolean
  /** Where and why it was answered, for a reader who looks into a violation. */
  readonly note?: string | undefined
}

/** A write as the surviving primary has it at the end. */
export interface SurvivingWrite {
  readonly key: string
  readonly id: string
  readonly version: number
}

/** All that happened, and what has become of it. */
export interface History {
  readonly operations: readonly Operation[]
  /** The log of all writes that the surviving primary holds at the end, one row for each time that one was executed. */
  readonly survivors: readonly SurvivingWrite[]
}

/** What a rule found. */
export interface Finding {
  readonly rule: string
  /** What happened and what should have been. */
  readonly message: string
  /** The id of the write that is gone, where it is about one. */
  readonly gone?: string | undefined
  /** The request that shows it; undefined where the final state does. */
  readonly operation?: Operation | undefined
}
