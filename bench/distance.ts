// Where no replica is near: two regions of the lab without one, the bare driver and flyroute side by side in the same run, in turns.
// Each figure is the median of what a client in that region waits (ms), beside what it is to be at most. `--requests N` of each kind.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startLab } from '@flyroute/lab'
import pg from 'pg'

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '60' }, short: { type: 'boolean', default: false } },
})
const warmUpMs = values.short ? 1_000 : 4_000
const requests = values.short ? 6 : Number(values.requests)
const oceans = { ams: 95, gru: 130 } as const
const drivers = ['bare', 'flyroute'] as const
type Region = keyof typeof oceans
type Driver = (typeof drivers)[number]

await using lab = await startLab({
  regions: ['ord', 'ams', 'gru'],
  databases: { ams: 'none', gru: 'none' },
  rtt: { 'ord-ams': oceans.ams, 'ord-gru': oceans.gru, 'ams-gru': 190 },
  command: [process.execPath, join(import.meta.dirname, 'lib/distance-app.ts')],
})
const owner = new pg.Client({ connectionString: lab.databases.primary.url })
await owner.connect()
await owner.query('create table item (id serial primary key, title text)')
await owner.query("insert into item (title) select 'item' from generate_series(1, 10)")
await owner.end()

async function timeOf(region: Region | 'ord', driver: Driver, route: string, method = 'GET'): Promise<number> {
  const begun = performance.now()
  const response = await lab.fetch(region, `/${driver}/${route}`, { method })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} /${driver}/${route} in ${region}: ${response.status} ${text}`)
  return performance.now() - begun
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN

let isWell = true
function show(what: string, region: Region, bare: number, ours: number, atMost: number): void {
  const holds = ours <= atMost
  isWell &&= holds
  const figures = [bare, ours, atMost].map((ms) => ms.toFixed(0).padStart(9)).join('')
  console.log(`${what.padEnd(34)}${region}${figures}  ${holds ? '' : 'too slow'}`)
}

console.log(`median of ${requests} (ms)                     bare flyroute  at most`)
for (const region of ['ams', 'gru'] as const) {
  const ocean = oceans[region]
  // Connections that are open, also those of the primary's region, as in an app that has run for a while.
  for (const driver of drivers) {
    for (const place of [region, 'ord'] as const) {
      // One at a time is opened beside requests that are replayed meanwhile.
      for (const until = performance.now() + warmUpMs; performance.now() < until; )
        await Promise.all(Array.from({ length: 4 }, () => timeOf(place, driver, 'one')))
      await timeOf(place, driver, 'write', 'POST')
    }
  }
  /** In turns, so that a busy moment meets both. */
  const measure = async (route: string, method = 'GET', times = requests): Promise<Record<Driver, number[]>> => {
    const measured: Record<Driver, number[]> = { bare: [], flyroute: [] }
    for (let count = 0; count < times; count++) {
      for (const driver of drivers) measured[driver].push(await timeOf(region, driver, route, method))
    }
    return measured
  }

  const pages = await measure('page')
  show('a page of 5 statements, the first', region, pages.bare[0] ?? 0, pages.flyroute[0] ?? 0, 2 * ocean + 25)
  show('… from the third on', region, median(pages.bare.slice(2)), median(pages.flyroute.slice(2)), ocean + 12)

  // Nine reads, one write.
  const [reads, writes] = [await measure('one', 'GET', 9), await measure('write', 'POST', 1)]
  for (let round = 1; round < requests / 9; round++) {
    const more = [await measure('one', 'GET', 9), await measure('write', 'POST', 1)] as const
    for (const driver of drivers) {
      reads[driver].push(...more[0][driver])
      writes[driver].push(...more[1][driver])
    }
  }
  show('one read, in a mix of 90/10', region, median(reads.bare), median(reads.flyroute), ocean + 5)
  show('one write, in the same mix', region, median(writes.bare), median(writes.flyroute), ocean + 8)

  const together = await measure('together')
  show('4 reads that are sent together', region, median(together.bare), median(together.flyroute), ocean + 8)
  for (const method of ['POST', 'GET']) {
    const all = await measure('transaction', method)
    show(`a transaction of 6, ${method}`, region, median(all.bare), median(all.flyroute), ocean + 15)
  }

  // One statement, then five, then one: what it takes when it has settled, after ten requests.
  for (const statements of [1, 5, 1]) {
    const all = await measure(`changing?n=${statements}`, 'GET', 10 + Math.max(5, requests / 4))
    const [bare, ours] = [all.bare.slice(10), all.flyroute.slice(10)]
    show(`a route that comes to need ${statements}`, region, median(bare), median(ours), ocean + 12)
  }
}
process.exitCode = isWell ? 0 : 1
