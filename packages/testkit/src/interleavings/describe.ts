import { describe, expect, test } from '@jest/globals'
import { plantedBugs } from './planted.ts'
import { printFigures, searchInterleavings } from './run.ts'
import type { InterleavingsAdapter } from './subject.ts'

/** Within how many each planted bug has to be found. */
const runsToFind = 8_000
const seed = 1

export interface DescribeOptions {
  /** How many orders are searched: 20,000 for all adapters together. `pnpm check:interleavings` searches a million for one. */
  readonly runs: number
  /** Whether what was once wrong, and what could be, is to be found. Once is enough for rules that stand in core. Default: true. */
  readonly findsBugs?: boolean
}

/** Searches the orders in which what a request does may come. */
export function describeInterleavings(
  adapter: InterleavingsAdapter,
  { runs, findsBugs = true }: DescribeOptions,
): void {
  describe(`Interleavings of ${adapter.name}`, () => {
    test(`keep what is promised, in ${runs} orders`, async () => {
      const { figures, failure } = await searchInterleavings(adapter, { runs, seed })
      if (failure !== undefined) throw new Error(`A promise was not kept:\n\n${failure}`)
      console.log(`${adapter.name}: ${printFigures(figures)}`)
      // A search in which nothing happens finds nothing.
      expect(figures.replayed).toBeGreaterThan(runs / 4)
      expect(figures.committed).toBeGreaterThan(runs / 4)
    }, 600_000)

    if (!findsBugs) return
    test.each(plantedBugs.map((bug) => [bug.name, bug] as const))(
      'find: %s',
      async (_, bug) => {
        const takeOut = bug.plant()
        try {
          const { symptom } = bug
          const { failure } = await searchInterleavings(adapter, { runs: runsToFind, seed, shrinks: false, symptom })
          expect(failure).toMatch(symptom)
        } finally {
          takeOut()
        }
      },
      300_000,
    )
  })
}
