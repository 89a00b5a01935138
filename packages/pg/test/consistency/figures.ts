import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Browser } from '@flyroute/testkit/consistency'
import { World } from './world.ts'

/** One figure: what it says, and whether that is as promised. */
export interface Figure {
  readonly text: string
  readonly isGood: boolean
}

interface Visit {
  readonly ms: number
  readonly isLocal: boolean
  readonly failed: boolean
}

const agent = new Agent({ keepAlive: true, timeout: 2_000 })

/** A user in Amsterdam. */
class User {
  readonly #browser: Browser

  constructor({ lab }: World) {
    this.#browser = new Browser((region) => lab.url(region), agent)
  }

  async ask(method: 'GET' | 'POST', path: string): Promise<Visit> {
    const begun = performance.now()
    const { status, headers } = await this.#browser.fetch('ams', path, { method })
    const isLocal = String(headers['flyroute-debug']).startsWith('region=ams')
    return { ms: performance.now() - begun, isLocal, failed: status !== 200 }
  }
}

/** Measures what reads cost in Amsterdam, 95 ms from the primary. */
export async function* measure(): AsyncGenerator<Figure> {
  await using world = await World.start()
  const ams = world.databases.node('ams')
  await writeAndRead(world, 20, 0)
  yield* withoutLag(world)
  await ams.setApplyDelay(300)
  yield await thinking(world)
  await ams.setApplyDelay(3_000)
  yield await farBehind(world, 'lag 3 s')
  await ams.setApplyDelay(0)
  await ams.pauseReplay()
  yield await farBehind(world, 'replay paused')
  // What was held back for long may cancel the very statement that lets it go.
  await ams.resumeReplay().catch(() => ams.resumeReplay())
  await world.databases.caughtUp()
  yield await deadStandby(world)
  agent.destroy()
}

async function* withoutLag(world: World): AsyncGenerator<Figure> {
  const reads = await writeAndRead(world, 400, 0)
  const local = share(reads.own, ({ isLocal }) => isLocal)
  yield {
    text: `no lag: ${percent(local)} of 400 reads right after one's own write are local (promised: 99.5 %)`,
    isGood: local >= 0.995,
  }
  const [own, other] = [median(reads.own), median(reads.other)]
  yield {
    text: `no lag: such a read takes ${own.toFixed(1)} ms, one without a token ${other.toFixed(1)} ms at the median: ${percent(own / other - 1)} more (promised: 10 % at most)`,
    isGood: own <= 1.1 * other,
  }
}

/** A user writes, reads that, and somebody without a token reads it as well. */
async function writeAndRead(world: World, rounds: number, thinkMs: number): Promise<{ own: Visit[]; other: Visit[] }> {
  const own: Visit[] = []
  const other: Visit[] = []
  for (let round = 0; round < rounds; round++) {
    const user = new User(world)
    const key = `figures-${round % 20}`
    await user.ask('POST', `/write?key=${key}&id=f${round}`)
    await sleep(thinkMs)
    const readers = [() => user.ask('GET', `/read?key=${key}`), () => new User(world).ask('GET', `/read?key=${key}`)]
    const order = round % 2 === 0 ? [0, 1] : [1, 0]
    for (const which of order) (which === 0 ? own : other).push(await (readers[which] as () => Promise<Visit>)())
  }
  return { own, other }
}

async function thinking(world: World): Promise<Figure> {
  const reads: Visit[] = []
  const live = async (name: string): Promise<void> => {
    const user = new User(world)
    for (let step = 0; step < 60; step++) {
      const key = `thinking-${name}`
      if (step % 10 === 0) await user.ask('POST', `/write?key=${key}&id=${name}-${step}`)
      else reads.push(await user.ask('GET', `/read?key=${key}`))
      await sleep(100)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, index) => live(`t${index}`)))
  const local = share(reads, ({ isLocal }) => isLocal)
  return {
    text: `lag 300 ms, think time 100 ms, one request of ten a write: ${percent(local)} of ${reads.length} reads are local (promised: 85 %)`,
    isGood: local >= 0.85,
  }
}

async function farBehind(world: World, what: string): Promise<Figure> {
  const user = new User(world)
  const waits: Visit[] = []
  const replays: Visit[] = []
  for (let round = 0; round < 60; round++) {
    await user.ask('POST', `/write?key=behind&id=${what}-${round}`)
    // By its method it is replayed at once, and then does the same.
    const compared = [() => user.ask('GET', '/read?key=behind'), () => user.ask('POST', '/read?key=behind')]
    const order = round % 2 === 0 ? [0, 1] : [1, 0]
    for (const which of order) (which === 0 ? waits : replays).push(await (compared[which] as () => Promise<Visit>)())
  }
  const more = median(waits) / median(replays) - 1
  const worst = Math.max(...waits.map(({ ms }) => ms))
  return {
    text: `${what}: a read after one's own write takes ${median(waits).toFixed(1)} ms, a replay by itself ${median(replays).toFixed(1)} ms: ${percent(more)} more (promised: 5 % at most); the first one, which learns, ${(waits[0]?.ms ?? 0).toFixed(0)} ms, the longest ${worst.toFixed(0)} ms`,
    isGood: more <= 0.05,
  }
}

async function deadStandby(world: World): Promise<Figure> {
  const ams = world.databases.node('ams')
  let isOver = false
  const visits: (Visit & { at: number })[] = []
  const begun = performance.now()
  const live = async (): Promise<void> => {
    const user = new User(world)
    while (!isOver) {
      visits.push({ at: performance.now() - begun, ...(await user.ask('GET', '/read?key=figures-1')) })
      await sleep(50)
    }
  }
  const living = Array.from({ length: 8 }, live)
  await sleep(500)
  const died = performance.now() - begun
  await ams.kill()
  await sleep(5_000)
  await ams.start()
  const back = performance.now() - begun
  await sleep(3_000)
  isOver = true
  await Promise.all(living)
  const meanwhile = visits.filter(({ at }) => at > died && at < back)
  const failed = visits.filter((visit) => visit.failed).length
  const again = visits.find(({ at, isLocal }) => at > back && isLocal)?.at ?? Number.POSITIVE_INFINITY
  return {
    text: `standby dead for 5 s: ${failed} of ${visits.length} reads failed (promised: 0); while it was dead they took ${median(meanwhile).toFixed(0)} ms at the median, ${Math.max(...meanwhile.map(({ ms }) => ms)).toFixed(0)} ms at most; local again ${((again - back) / 1_000).toFixed(1)} s after its start`,
    isGood: failed === 0,
  }
}

function share(visits: readonly Visit[], holds: (visit: Visit) => boolean): number {
  return visits.filter(holds).length / visits.length
}

function median(visits: readonly Visit[]): number {
  const sorted = visits.map(({ ms }) => ms).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`
}
