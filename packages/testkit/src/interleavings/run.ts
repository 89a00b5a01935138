import fc from 'fast-check'
import { judge, printGame } from './judge.ts'
import { type Game, play } from './play.ts'
import { programs } from './program.ts'
import type { InterleavingsAdapter } from './subject.ts'

/** What has come of the requests, so that a search that searches nothing shows. */
export interface Figures {
  interleavings: number
  replayed: number
  committed: number
  unavailable: number
  /** In which everything has waited for a limit to pass. */
  stalled: number
  events: number
}

export function noFigures(): Figures {
  return { interleavings: 0, replayed: 0, committed: 0, unavailable: 0, stalled: 0, events: 0 }
}

/** Adds what one search has seen to what others have. */
export function addFigures(sum: Figures, more: Figures): void {
  for (const name of Object.keys(sum) as (keyof Figures)[]) sum[name] += more[name]
}

export interface SearchOptions {
  readonly runs: number
  readonly seed: number
  /** Plays the one order again that a report has told of. */
  readonly path?: string | undefined
  /** Whether what goes wrong is made smaller. Default: true. */
  readonly shrinks?: boolean
  /** The search is for faults that say this. Default: for any. */
  readonly symptom?: RegExp
}

export interface SearchReport {
  readonly figures: Figures
  /** The smallest order that was found to go wrong, in words. */
  readonly failure: string | undefined
  /** Where among the orders of the seed it is. */
  readonly path: string | undefined
}

/** Plays random programs in random orders, until one goes wrong. */
export async function searchInterleavings(
  adapter: InterleavingsAdapter,
  options: SearchOptions,
): Promise<SearchReport> {
  const figures = noFigures()
  const property = fc.asyncProperty(programs, fc.scheduler(), async (program, scheduler) => {
    const game = await play(adapter, program, scheduler)
    count(figures, game)
    const faults = judge(game)
    if (faults !== undefined && options.symptom?.test(faults) !== false) throw new Error(printGame(game, faults))
  })
  const details = await fc.check(property, {
    numRuns: options.runs,
    seed: options.seed,
    endOnFailure: options.shrinks === false,
    ...(options.path !== undefined && { path: options.path }),
  })
  const failure = details.failed ? String((details.errorInstance as Error | null)?.message) : undefined
  return { figures, failure, path: details.counterexamplePath ?? undefined }
}

function count(figures: Figures, { runs, network }: Game): void {
  figures.interleavings++
  figures.events += network.journal.length
  if (runs.length > 1) figures.replayed++
  if (network.committed.length > 0) figures.committed++
  if (network.stalls > 0) figures.stalled++
  if (runs.some(({ answer }) => answer?.status === 503)) figures.unavailable++
}

/** The figures on one line. */
export function printFigures({ interleavings, replayed, committed, unavailable, stalled, events }: Figures): string {
  return `${interleavings} interleavings of ${events} events: ${replayed} replayed, ${committed} have written, ${unavailable} answered 503, ${stalled} stalled`
}
