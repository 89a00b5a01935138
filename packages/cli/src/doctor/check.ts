import type { Facts } from './facts.ts'

/** What is not as it should be. */
export interface Finding {
  /** `fail`: something is wrong, or will be. `warn`: it works, and not as well as it could, or is a risk. */
  readonly verdict: 'warn' | 'fail'
  /** What was found. No secret, and no host. */
  readonly why: string
  readonly remedy: string
}

/** One thing that is looked at. */
export interface Check {
  /** Stable: scripts know it by that. */
  readonly name: string
  /** What an app shows that has it. */
  readonly symptom: string
  /** What was found; a text where all is well; undefined where there is nothing to look at. */
  examine(facts: Facts): Finding | string | undefined
}

export function fail(why: string, remedy: string): Finding {
  return { verdict: 'fail', why, remedy }
}

export function warn(why: string, remedy: string): Finding {
  return { verdict: 'warn', why, remedy }
}
