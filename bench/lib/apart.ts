import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type Effort, type Figures, medians } from './compare.ts'
import type { Order } from './contender.ts'
import { giveFirstCore } from './cores.ts'
import { quantile, type Slice } from './slice.ts'

export interface ApartOptions extends Effort {
  /** Where `open` is, as `import.meta.resolve` says. */
  readonly module: string
  /** Names of the contenders; the first two do the same, and are what all are compared with. */
  readonly contenders: readonly string[]
  /** What is handed to `open`. */
  readonly settings: unknown
  readonly works: readonly string[]
  /** How many operations are under way at once. */
  readonly clients: number
  /** How often all start anew, in new processes with new connections. Default: 4. */
  readonly worlds?: number
  /** How often all of them take their turns in each world. Default: 25. */
  readonly rounds?: number
  /** How long (ms) each works before its first turn, so that the engine has compiled what it will. Default: 3,000. */
  readonly warmUpMs?: number
}

/**
 * In its first second, V8 may take short-lived objects of the driver for long-lived ones, for good, if its first full collection
 * happens to run in the middle of the work: from then on, a tenth of the time goes to the collector. Which contender that befalls
 * depends on what has been done before, and with what memory. None of them is to win or lose by that.
 */
const withoutLottery = ['--no-allocation-site-pretenuring']

/** How long (ms) each contender works in a round: short, so that a busy moment meets all of them. */
const sliceMs = 50

/**
 * Has contenders do the same work in turns, each in a process of its own: in one process, they would share what the engine
 * has learnt about the driver's code and pay for each other's garbage, and the first to come would be at an advantage. A
 * process and its connections are lucky or unlucky as a whole (where they lie in memory, in which order the engine has compiled
 * what), so that all of them start anew several times. They have a core of their own, as an app's machine has.
 *
 * One kind of luck is left: with many rows at a time, a process may fall for a while into a state in which each scavenge keeps
 * nearly all that was allocated since the last full collection, and a third of the time goes to that. The bare driver does as
 * well (after a full collection in the middle of the work, nearly always): only many worlds even that out.
 *
 * The measure is the mean of the first two contenders in the same round, which are the same: how far these are from 1 is the
 * noise.
 *
 * @returns the figures for each work
 */
export async function compareApart(options: ApartOptions): Promise<Map<string, Figures[]>> {
  const { contenders, works, worlds = 4 } = options
  const slices = new Map(works.map((work) => [work, contenders.map((): Slice[][] => [])]))
  for (let world = 0; world < worlds; world++) {
    for (const [work, done] of await inOneWorld(options, world)) {
      done.forEach((own, index) => slices.get(work)?.[index]?.push(own))
    }
  }
  return new Map(
    [...slices].map(([work, done]) => [work, contenders.map((name, index) => figuresOf(name, index, done))]),
  )
}

async function inOneWorld(options: ApartOptions, world: number): Promise<Map<string, Slice[][]>> {
  const { module, contenders, settings, works, clients, rounds = 25, warmUpMs = 3_000 } = options
  const children = contenders.map(() => fork(new URL('contender.ts', import.meta.url), { execArgv: withoutLottery }))
  try {
    for (const [index, child] of children.entries()) {
      giveFirstCore(child.pid as number)
      await order(child, { open: { module, contender: contenders[index] as string, settings } })
    }
    const all = new Map<string, Slice[][]>()
    for (const [at, work] of works.entries()) {
      // After the first kind of work, most of the code is warm.
      const warmUp = { work, clients, sliceMs: at === 0 ? warmUpMs : warmUpMs / 2 }
      for (const child of children) await order(child, warmUp)
      const done = children.map((): Slice[] => [])
      for (let round = 0; round < rounds; round++) {
        for (let turn = 0; turn < children.length; turn++) {
          const index = (turn + round + world) % children.length
          done[index]?.push((await order(children[index] as ChildProcess, { work, clients, sliceMs })) as Slice)
        }
      }
      all.set(work, done)
    }
    await Promise.all(children.map((child) => order(child, 'end')))
    return all
  } finally {
    for (const child of children) child.kill()
  }
}

async function order(child: ChildProcess, what: Order): Promise<unknown> {
  child.send(what)
  const ended = new AbortController()
  const { signal } = ended
  try {
    const [answer] = await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(() => Promise.reject(new Error('A contender has given up: see above'))),
    ])
    return (answer as { done: unknown }).done
  } finally {
    ended.abort()
  }
}

/** @param done slices by contender and world */
function figuresOf(name: string, index: number, done: readonly Slice[][][]): Figures {
  const own = done[index] as Slice[][]
  const [one, other] = done as [Slice[][], Slice[][]]
  const ratios = own.map((slices, world) => {
    const [first, second] = [one[world], other[world]] as [Slice[], Slice[]]
    const inRounds = slices.map(({ throughput }, round) => {
      const pair = [first[round], second[round]] as [Slice, Slice]
      return throughput / ((pair[0].throughput + pair[1].throughput) / 2)
    })
    return quantile(inRounds, 0.5)
  })
  const mean = ratios.reduce((sum, it) => sum + it, 0) / ratios.length
  const variance = ratios.reduce((sum, it) => sum + (it - mean) ** 2, 0) / Math.max(1, ratios.length - 1)
  const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)]
  const error = 2 * Math.sqrt(variance / ratios.length)
  return { ...medians(name, own.flat()), ratio: { typical: mean, low, high, error } }
}
