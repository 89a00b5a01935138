import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'

/** Runs a program with a driver, and tells all that it has seen, in its order. */
export type Trace<Step> = (steps: readonly Step[]) => Promise<string[]>

export interface AsBareTest<Step> {
  /** Programs that are made up. */
  readonly program: fc.Arbitrary<Step[]>
  /** How many of them. */
  readonly runs: number
  /** Programs that have a name. */
  readonly programs: Readonly<Record<string, readonly Step[]>>
  /** By the driver itself. */
  readonly bare: Trace<Step>
  /** By ours, in each place where it is to be the same. */
  readonly places: Readonly<Record<string, Trace<Step>>>
}

/** The same programs in each run; others with FLYROUTE_SEED. */
const seed = Number(process.env['FLYROUTE_SEED'] ?? 1)

/** What a driver does now so and now otherwise, by the pieces that the network cuts answers into, is compared several times. */
const attempts = 8

/** A program sees with our driver what it sees with the bare one. */
export function describeAsBare<Step>({ program, runs, programs, bare, places }: AsBareTest<Step>): void {
  test('whatever a program does, it sees the same', async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        let expected = await bare(steps)
        for (const [place, trace] of Object.entries(places)) {
          for (let attempt = 1; ; attempt++) {
            const got = await trace(steps)
            if (String(got) === String(expected)) break
            if (attempt === attempts) expect({ place, sees: got }).toEqual({ place, sees: expected })
            expected = await bare(steps)
          }
        }
      }),
      { seed, numRuns: runs, endOnFailure: true },
    )
  })

  describe.each(Object.entries(places))('%s', (_, trace) => {
    test.each(Object.entries(programs))('%s', async (__, steps) => {
      expect(await trace(steps)).toEqual(await bare(steps))
    })
  })
}
