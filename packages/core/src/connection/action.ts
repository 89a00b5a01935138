/** What becomes of a statement: small integers, so that a decision allocates nothing. What belongs to it stands in fields of the guard. */
export const Action = {
  /** It is sent on this connection now. */
  here: 0,
  /** It waits for this server to be as fresh as `guard.need` says, or for what it calls to be known: `whenReady` decides. */
  wait: 1,
  /** It runs on a connection to the primary in place of this one. */
  primary: 2,
  /** It is not sent; its caller gets `guard.refusal`. */
  refuse: 3,
  /** The COMMIT of a transaction in which a statement was refused: ROLLBACK is sent in its place. */
  rollback: 4,
  /** Its request was answered with a replay: it is not sent, and its caller hears nothing. */
  drop: 5,
} as const

export type Action = (typeof Action)[keyof typeof Action]

/** What a statement that is sent to a primary does to its request: what its answer is looked at for. */
export const Effect = {
  none: 0,
  /** It commits, or may: the position after it is taken. */
  commits: 1,
  /** A monotonic read: the position that it has seen is noted. */
  reads: 2,
} as const

export type Effect = (typeof Effect)[keyof typeof Effect]
