/** How a step is handed to the driver. */
export type Form =
  /** The text by itself. */
  | 'text'
  /** With values (`query(text, values)`). */
  | 'values'
  /** Prepared on the server: a named statement of pg, `execute` of mysql2. */
  | 'prepared'
  /** Read row by row: a cursor of pg, a stream of mysql2 or Kysely. */
  | 'stream'
  /** A method of the driver's connection, named by the text: `changeUser`, `reset`, `beginTransaction` … */
  | 'method'

/** One statement of a session. */
export interface Step {
  /** What it is for, e.g. `set local`: figures are counted by it. */
  readonly kind: string
  readonly text: string
  readonly form: Form
  readonly values: readonly unknown[]
}

/** What an app does with one connection, from taking it to giving it back. */
export interface Session {
  readonly steps: readonly Step[]
  /** What the app does when it has finished: ROLLBACK and release, release as it is, or end the connection. */
  readonly ending: 'release' | 'abandon' | 'destroy'
  /** Whether it goes on after a statement that was refused, as with a `catch` around each. */
  readonly swallows: boolean
}

/** A session as a person reads it, one step a line. */
export function printSession({ steps, ending, swallows }: Session): string {
  const lines = steps.map(({ text, form, values }) => {
    const with_ = values.length > 0 ? `  -- ${JSON.stringify(values)}` : ''
    return `${form === 'text' ? '' : `[${form}] `}${text}${with_}`
  })
  return [...lines, `(${ending}${swallows ? ', swallows refusals' : ''})`].join('\n')
}
