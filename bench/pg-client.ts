// What `createPool()` adds to a query in the client's own code: processor time, on sockets that answer by themselves, so that
// neither a server nor the kernel is in the figures. Of many rounds the fastest tells; the median tells of the machine.
import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import { createPool } from '@flyroute/pg'
import pg, { type PoolConfig } from 'pg'
import { AnsweringSocket } from './lib/answering-socket.ts'

const [rounds, perRound] = process.argv.includes('--short') ? [3, 2_000] : [21, 40_000]
const clients = 20
const text = 'select id, title from post where id = 7'
const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: 'postgres://app@db.internal/app' }

const bare = new pg.Pool({ connectionString: env.DATABASE_URL, ...settings('replica') })
const away = createPool({ env, ...settings('replica') })
const home = createPool({ env: { ...env, FLY_REGION: 'ord' }, ...settings('primary') })
const pools = { 'bare pg.Pool': bare, 'createPool, on a replica': away, 'createPool, on the primary': home }
const inRequest = <T>(work: () => T): T => runInScope(createScope(createRequestState('request')), work)
const contenders = Object.entries(pools).flatMap(([name, pool]) => [
  { name, pool, around: <T>(work: () => T): T => work() },
  { name: `${name}, in a request`, pool, around: inRequest },
])

const times = new Map(contenders.map(({ name }) => [name, [] as number[]]))
for (let round = -1; round < rounds; round++) {
  for (const [index] of contenders.entries()) {
    const { name, pool, around } = contenders[(index + round + 1) % contenders.length] as (typeof contenders)[number]
    const spent = await around(() => microsecondsFor(pool))
    if (round >= 0) times.get(name)?.push(spent)
  }
}
const [base] = times.values() as unknown as [number[]]
console.log(
  `processor time of a query, in µs; ${clients} at a time, ${rounds} rounds of ${perRound.toLocaleString('en')}`,
)
console.log(`${''.padEnd(42)} fastest   added  median`)
for (const [name, own] of times) {
  const added = quantile(own, 0) - quantile(base, 0)
  const [fastest, extra, median] = [quantile(own, 0), added, quantile(own, 0.5)].map((value) => value.toFixed(2))
  console.log(`${name.padEnd(42)} ${fastest?.padStart(7)} ${extra?.padStart(7)} ${median?.padStart(7)}`)
}
await Promise.all(Object.values(pools).map((pool) => pool.end()))

function settings(role: 'primary' | 'replica'): PoolConfig {
  return { max: clients, idleTimeoutMillis: 0, stream: () => new AnsweringSocket(role) as never }
}

async function microsecondsFor(pool: pg.Pool): Promise<number> {
  let left: number = perRound
  const worker = async (): Promise<void> => {
    while (left-- > 0) await pool.query(text)
  }
  const begun = process.cpuUsage()
  await Promise.all(Array.from({ length: clients }, worker))
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / perRound
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
}
