import { parseArgs } from 'node:util'
import { quantile, type Slice, slice, type Work } from './slice.ts'

/** One way of doing the same work. */
export interface Contender extends Work {
  readonly name: string
}

export interface Figures {
  readonly name: string
  /** Operations a second, the median of all rounds. */
  readonly throughput: number
  /** Median time of one operation, in microseconds. */
  readonly p50: number
  /** Processor time of this process for one operation, in microseconds: what is left of a difference on a busy machine. */
  readonly cpu: number
  /**
   * Throughput over that of what it is compared with, in the same round: what is typical, the middle half, and how far off the
   * former may be by chance (95 %).
   */
  readonly ratio: { readonly typical: number; readonly low: number; readonly high: number; readonly error: number }
}

export interface CompareOptions {
  /** How many operations are under way at once. */
  readonly clients: number
  /** How long (ms) each contender works in a round: short, so that a busy moment meets all of them. Default: 50. */
  readonly sliceMs?: number
  /** How often all of them take their turns. Default: 101. */
  readonly rounds?: number
}

/**
 * Has contenders do the same work in turns, in short slices and in a changing order: a machine whose speed drifts
 * drifts for all of them, and the ratio of neighbours is what remains.
 */
export async function compare(contenders: readonly Contender[], options: CompareOptions): Promise<Figures[]> {
  const { clients, sliceMs = 50, rounds = 101 } = options
  const slices = contenders.map((): Slice[] => [])
  for (const contender of contenders) await slice(contender, clients, 10 * sliceMs)
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (turn + round) % contenders.length
      slices[index]?.push(await slice(contenders[index] as Contender, clients, sliceMs))
    }
  }
  const [base] = slices as [Slice[]]
  return contenders.map(({ name }, index) => {
    const own = slices[index] as Slice[]
    const ratios = own.map(({ throughput }, round) => throughput / (base[round] as Slice).throughput)
    const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)]
    // As for the notches of a box plot (McGill, Tukey and Larsen, 1978).
    const error = (1.57 * (high - low)) / Math.sqrt(rounds)
    return { ...medians(name, own), ratio: { typical: quantile(ratios, 0.5), low, high, error } }
  })
}

/** What is said of a contender besides its ratio. */
export function medians(name: string, slices: readonly Slice[]): Omit<Figures, 'ratio'> {
  const median = (of: (slice: Slice) => number): number => quantile(slices.map(of), 0.5)
  return { name, throughput: median((it) => it.throughput), p50: median((it) => it.p50), cpu: median((it) => it.cpu) }
}

/** How long to compare. */
export interface Effort {
  readonly rounds?: number
  readonly worlds?: number
  readonly warmUpMs?: number
}

/**
 * What a command line asks for: `--short` to see whether it runs at all, `--rounds=N` and `--worlds=N` for figures that chance
 * has less to do with.
 */
export function effortFrom(argv: readonly string[]): Effort {
  const options = { short: { type: 'boolean' }, rounds: { type: 'string' }, worlds: { type: 'string' } } as const
  const { short, rounds, worlds } = parseArgs({ args: argv.slice(2), strict: false, options }).values
  if (short) return { rounds: 3, worlds: 1, warmUpMs: 100 }
  return {
    ...(Number(rounds) > 0 ? { rounds: Number(rounds) } : {}),
    ...(Number(worlds) > 0 ? { worlds: Number(worlds) } : {}),
  }
}

/** The figures as lines of a table. */
export function report(title: string, figures: readonly Figures[]): void {
  console.log(`\n${title}`)
  console.log(
    `  ${''.padEnd(34)} ${'ops/s'.padStart(9)} ${'p50 µs'.padStart(8)} ${'cpu µs'.padStart(8)}   ratio          (middle half)`,
  )
  for (const { name, throughput, p50, cpu, ratio } of figures) {
    const [typical, error, low, high] = [ratio.typical, ratio.error, ratio.low, ratio.high].map((it) => it.toFixed(3))
    const spread = `${typical} ± ${error}  (${low} – ${high})`
    console.log(
      `  ${name.padEnd(34)} ${throughput.toFixed(0).padStart(9)} ${p50.toFixed(0).padStart(8)} ${cpu.toFixed(1).padStart(8)}   ${spread}`,
    )
  }
}
