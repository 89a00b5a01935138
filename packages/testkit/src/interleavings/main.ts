import { parseArgs } from 'node:util'
import { addFigures, noFigures, printFigures, searchInterleavings } from './run.ts'
import type { InterleavingsAdapter } from './subject.ts'

/** How many orders have one seed: a fault ends the search among these, and the next ones are searched all the same. */
const runsPerSeed = 5_000

/** How often (ms) it is told how far the search has come. */
const pauseMs = 10_000

/** After so many faults there is enough to do. */
const enoughFaults = 5

/** Searches as many interleavings as the command line says, and tells what came of it. */
export async function playInterleavings(adapter: InterleavingsAdapter): Promise<void> {
  const { values } = parseArgs({
    strict: false,
    options: { runs: { type: 'string' }, seed: { type: 'string' }, path: { type: 'string' } },
  })
  const path = values.path === undefined ? undefined : String(values.path)
  const runs = path === undefined ? Number(values.runs ?? 1_000_000) : 1
  const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`${adapter.name}: ${runs} interleavings, seed ${firstSeed}`)
  const startedAt = performance.now()
  const seconds = (): string => `${((performance.now() - startedAt) / 1_000).toFixed(0)} s`
  let toldAt = startedAt
  let faults = 0
  const all = noFigures()
  for (let seed = firstSeed, left = runs; left > 0 && faults < enoughFaults; seed++, left -= runsPerSeed) {
    const search = await searchInterleavings(adapter, { runs: Math.min(left, runsPerSeed), seed, path })
    addFigures(all, search.figures)
    if (search.failure !== undefined) {
      faults++
      console.log(`\n✗ A promise was not kept (again: --seed=${seed} --path=${search.path}):\n\n${search.failure}\n`)
    }
    if (performance.now() - toldAt < pauseMs) continue
    toldAt = performance.now()
    console.log(`  ${seconds()}  ${printFigures(all)}`)
  }
  console.log(`${adapter.name}: ${printFigures(all)}, ${faults} faults, in ${seconds()}`)
  if (faults > 0) process.exitCode = 1
}
