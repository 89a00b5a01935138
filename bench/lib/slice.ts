/** One way of doing the same work. */
export interface Work {
  /** Does the work once. */
  run(): Promise<unknown>
  /** What all of it happens in: a request that does many things. Default: nothing. */
  around?: (<T>(work: () => T) => T) | undefined
}

/** How a slice of work went. */
export interface Slice {
  /** Operations a second. */
  readonly throughput: number
  /** Median time of one operation, in microseconds. */
  readonly p50: number
  /** Processor time of this process for one operation, in microseconds. */
  readonly cpu: number
}

/** Works for a while. */
export async function slice({ run, around }: Work, clients: number, sliceMs: number): Promise<Slice> {
  const times: number[] = []
  const cpuBegun = process.cpuUsage()
  const begun = performance.now()
  const until = begun + sliceMs
  const worker = async (): Promise<void> => {
    for (;;) {
      const start = performance.now()
      if (start >= until) return
      await run()
      times.push((performance.now() - start) * 1_000)
    }
  }
  const work = (): Promise<unknown> => Promise.all(Array.from({ length: clients }, worker))
  await (around?.(work) ?? work())
  const { user, system } = process.cpuUsage(cpuBegun)
  const done = times.length
  return {
    throughput: (done * 1_000) / (performance.now() - begun),
    p50: quantile(times, 0.5),
    cpu: (user + system) / done,
  }
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
