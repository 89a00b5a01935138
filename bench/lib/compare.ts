import { parseArgs } from 'node:util'

/** One way of doing the same work. */
export interface Contender {
  readonly name: string
  /** Does the work once. */
  run(): Promise<unknown>
  /** What all of it happens in: a request that does many things. Default: nothing. */
  around?<T>(work: () => T): T
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
   * Throughput over that of the first contender, round by round: median, the middle half of the rounds, and how far off the
   * median may be by chance (95 %, from that half and the number of rounds).
   */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number; readonly error: number }
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
  const slices = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]))
  const cpus = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]))
  const times = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]))
  for (const contender of contenders) await slice(contender, clients, 10 * sliceMs, [])
  for (let round = 0; round < rounds; round++) {
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length] as Contender)
    for (const contender of order) {
      const done = await slice(contender, clients, sliceMs, times.get(contender) as number[])
      slices.get(contender)?.push(done.throughput)
      cpus.get(contender)?.push(done.cpu)
    }
  }
  const base = slices.get(contenders[0] as Contender) as number[]
  return contenders.map((contender) => {
    const own = slices.get(contender) as number[]
    const ratios = own.map((value, round) => value / (base[round] as number))
    const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)]
    return {
      name: contender.name,
      throughput: quantile(own, 0.5),
      p50: quantile(times.get(contender) as number[], 0.5),
      cpu: quantile(cpus.get(contender) as number[], 0.5),
      // As for the notches of a box plot (McGill, Tukey and Larsen, 1978).
      ratio: { median: quantile(ratios, 0.5), low, high, error: (1.57 * (high - low)) / Math.sqrt(rounds) },
    }
  })
}

/** Works for a while. */
async function slice(
  contender: Contender,
  clients: number,
  sliceMs: number,
  times: number[],
): Promise<{ throughput: number; cpu: number }> {
  const cpuBegun = process.cpuUsage()
  const begun = performance.now()
  const until = begun + sliceMs
  let done = 0
  const worker = async (): Promise<void> => {
    for (;;) {
      const start = performance.now()
      if (start >= until) return
      await contender.run()
      times.push((performance.now() - start) * 1_000)
      done++
    }
  }
  const work = (): Promise<unknown> => Promise.all(Array.from({ length: clients }, worker))
  await (contender.around?.(work) ?? work())
  const { user, system } = process.cpuUsage(cpuBegun)
  return { throughput: (done * 1_000) / (performance.now() - begun), cpu: (user + system) / done }
}

/** What a command line asks for: `--short` to see whether it runs at all, `--rounds=N` for figures that chance has less to do with. */
export function optionsFrom(argv: readonly string[]): Partial<Pick<CompareOptions, 'sliceMs' | 'rounds'>> {
  const options = { short: { type: 'boolean' }, rounds: { type: 'string' } } as const
  const { short, rounds } = parseArgs({ args: argv.slice(2), strict: false, options }).values
  if (short) return { sliceMs: 50, rounds: 3 }
  return Number(rounds) > 0 ? { rounds: Number(rounds) } : {}
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The figures as lines of a table. */
export function report(title: string, figures: readonly Figures[]): void {
  console.log(`\n${title}`)
  console.log(
    `  ${''.padEnd(34)} ${'ops/s'.padStart(9)} ${'p50 µs'.padStart(8)} ${'cpu µs'.padStart(8)}   ratio          (middle half)`,
  )
  for (const { name, throughput, p50, cpu, ratio } of figures) {
    const [median, error, low, high] = [ratio.median, ratio.error, ratio.low, ratio.high].map((it) => it.toFixed(3))
    const spread = `${median} ± ${error}  (${low} – ${high})`
    console.log(
      `  ${name.padEnd(34)} ${throughput.toFixed(0).padStart(9)} ${p50.toFixed(0).padStart(8)} ${cpu.toFixed(1).padStart(8)}   ${spread}`,
    )
  }
}
