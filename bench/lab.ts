// The Express example in three regions of the lab, under load: where reads are answered, what writes cost, and whether
// any user ever misses their own write. `--users N --requests N --lag MS` change the load.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Client, type Visit } from '@flyroute/demo/client'
import { startLab } from '@flyroute/lab'

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '12' },
    requests: { type: 'string', default: '100' },
    lag: { type: 'string', default: '0' },
    think: { type: 'string', default: '50' },
    short: { type: 'boolean', default: false },
  },
})
const [users, requests, lag, think] = [
  values.users,
  values.short ? '10' : values.requests,
  values.lag,
  values.think,
].map(Number) as [number, number, number, number]
const roundTrips = { 'ord-ams': 95, 'ord-gru': 130, 'ams-gru': 190 } as const
const distance: Record<string, number> = { ord: 0, ams: 95, gru: 130 }
const regions = ['ord', 'ams', 'gru'] as const

await using lab = await startLab({
  regions,
  primaryRegion: 'ord',
  rtt: roundTrips,
  command: [process.execPath, 'src/server.ts'],
  setup: [process.execPath, 'src/migrate.ts'],
  cwd: join(import.meta.dirname, '../examples/express'),
})
for (const region of regions) {
  const client = new Client(lab, region)
  for (let count = 0; count < 5; count++) await client.get('/posts')
  await client.post('/posts', { title: 'warm' })
}
await lab.databases.caughtUp()
if (lag > 0) for (const node of lab.databases.replicas) await node.setApplyDelay(lag)

interface Measured extends Visit {
  readonly kind: 'read' | 'own read' | 'write'
  readonly from: string
  readonly stale: boolean
}

const measured: Measured[] = []

/** Nine reads of ten, one write; a read is an own read when it is the first one after a write. */
async function live(user: number): Promise<void> {
  const from = regions[user % regions.length] as string
  const client = new Client(lab, from)
  let newest = 0
  let wroteLast = false
  for (let count = 0; count < requests; count++) {
    const writes = (count + user) % 10 === 0
    if (writes) {
      const visit = await client.post('/posts', { title: `By ${user}` })
      newest = (visit.body as { id: number }).id
      measured.push({ ...visit, kind: 'write', from, stale: false })
    } else {
      const visit = await client.get('/posts')
      const seen = Math.max(0, ...(visit.body as { id: number }[]).map((post) => post.id))
      measured.push({ ...visit, kind: wroteLast ? 'own read' : 'read', from, stale: seen < newest })
    }
    wroteLast = writes
    await sleep(think)
  }
}

await Promise.all(Array.from({ length: users }, (_, user) => live(user)))

const far = measured.filter((one) => one.from !== 'ord')
const farReads = far.filter((one) => one.kind !== 'write')
const share = (some: readonly unknown[], of: readonly unknown[]): string =>
  of.length === 0 ? 'none' : `${((100 * some.length) / of.length).toFixed(1)} % (${some.length} of ${of.length})`
const isLocal = (one: Measured): boolean => one.crossings === 0

console.log(
  `\n${users} users in ${regions.join(', ')}, ${requests} requests each, ${think} ms apart, one of ten a write, lag ${lag} ms`,
)
console.log(`  far reads answered locally        ${share(farReads.filter(isLocal), farReads)}`)
const own = farReads.filter((one) => one.kind === 'own read')
console.log(`  … right after one's own write       ${share(own.filter(isLocal), own)}`)
console.log(`  own writes missed                   ${measured.filter((one) => one.stale).length}`)
console.log(`  failed requests                     ${measured.filter((one) => one.status >= 400).length}`)
console.log(
  `  replays for a far request           ${share(
    far.filter((one) => !isLocal(one)),
    far,
  )}; writes are ${share(
    far.filter((one) => one.kind === 'write'),
    far,
  )}`,
)
for (const region of ['ams', 'gru']) {
  const here = far.filter((one) => one.from === region)
  const p50 = (kind: Measured['kind']): string => {
    const times = here
      .filter((one) => one.kind === kind)
      .map((one) => one.milliseconds)
      .sort((a, b) => a - b)
    return `${(times[Math.floor(times.length / 2)] ?? Number.NaN).toFixed(1)} ms`
  }
  console.log(
    `  ${region} (${distance[region]} ms away), p50          read ${p50('read')}, own read ${p50('own read')}, write ${p50('write')}`,
  )
}
