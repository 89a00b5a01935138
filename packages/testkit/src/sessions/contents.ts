import { isDeepStrictEqual } from 'node:util'
import type { Contents } from './dialect.ts'

/** The names under which two contents differ. */
export function changes(before: Contents, after: Contents): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].filter((name) => !isDeepStrictEqual(before[name], after[name]))
}

/** The parts in which contents differ from what was expected, in words. */
export function printChanges(expected: Contents, actual: Contents): string {
  return changes(expected, actual)
    .map((name) => `${name} is ${JSON.stringify(actual[name])} in place of ${JSON.stringify(expected[name])}`)
    .join('; ')
}
