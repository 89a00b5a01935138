import { parseArgs } from 'node:util'
import { printFigures, searchInterleavings } from './run.ts'
import type { InterleavingsAdapter } from './subject.ts'

/** How often (ms) it is told how far the search has come. */
const pauseMs = 10_000

/** Searches as many interleavings as the command line says, and tells what came of it. */
export async function playInterleavings(adapter: InterleavingsAdapter): Promise<void> {
  const { values } = parseArgs({ strict: false, options: { runs: { type: 'string' }, seed: { type: 'string' } } })
  const runs = Number(values.runs ?? 1_000_000)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`${adapter.name}: ${runs} interleavings, seed ${seed}`)
  const startedAt = performance.now()
  const seconds = (): string => `${((performance.now() - startedAt) / 1_000).toFixed(0)} s`
  let toldAt = startedAt
  const { figures, failure } = await searchInterleavings(adapter, {
    runs,
    seed,
    onProgress(figures) {
      if (performance.now() - toldAt < pauseMs) return
      toldAt = performance.now()
      console.log(`  ${seconds()}  ${printFigures(figures)}`)
    },
  })
  console.log(`${adapter.name}: ${printFigures(figures)}, in ${seconds()}`)
  if (failure === undefined) return
  console.log(`\n✗ A promise was not kept:\n\n${failure}\n`)
  process.exitCode = 1
}
