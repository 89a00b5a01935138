import fc from 'fast-check'
import { emphasized, type Mix, together } from './choice.ts'
import type { Session, Step } from './step.ts'

/** The steps that a database has, by what they are about. */
export interface StepKinds {
  readonly settings: Mix
  readonly readSettings: Mix
  readonly transactions: Mix
  readonly temporaries: Mix
  readonly locks: Mix
  readonly remembered: Mix
  readonly writes: Mix
  readonly functions: Mix
  readonly reads: Mix
  readonly failures: Mix
  readonly streams: Mix
}

/** Steps that are told together in one text. */
export interface Together {
  /** Short ones, beside transactions, settings that are read, and failures. */
  readonly simple: readonly fc.Arbitrary<Step>[]
  readonly settings: readonly fc.Arbitrary<Step>[]
}

/** All that sessions are made of: each step by itself, and several in one text. */
export function mixOf(kinds: StepKinds, { simple, settings }: Together): Mix {
  const plain: Mix = Object.values<Mix>({ ...kinds }).flat()
  const more = [...kinds.transactions, ...kinds.readSettings, ...kinds.failures].map(([, step]) => step)
  return [
    ...plain,
    [3, together('several in one text', fc.oneof(...simple, ...more))],
    [1, together('several settings in one text', fc.oneof(...settings))],
    [1, together('anything in one text', fc.oneof(...plain.map(([, step]) => step)))],
  ]
}

/**
 * Sessions; each has a theme, so that what belongs together often comes together.
 *
 * @param fit takes out what is known to differ. Default: nothing.
 */
export function sessionsOf(
  all: Mix,
  themes: readonly Mix[],
  fit: (steps: readonly Step[]) => Step[] = (steps) => [...steps],
): fc.Arbitrary<Session> {
  const stepsOf = (theme: Mix): fc.Arbitrary<Step[]> =>
    fc.array(emphasized(all, theme, 8), { minLength: 1, maxLength: 12, size: 'max' })
  return fc.record({
    steps: fc.oneof(...[...themes, all].map(stepsOf)).map(fit),
    ending: fc.constantFrom('release', 'release', 'abandon', 'destroy'),
    swallows: fc.constantFrom(false, false, true),
  })
}

/** A question of what a session holds. */
export function asked(text: string): Step {
  return { kind: 'leftovers', text, form: 'text', values: [] }
}
