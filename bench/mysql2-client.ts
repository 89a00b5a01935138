// What `createPool()` adds to a query in the client's own code: processor time, on sockets that answer by themselves, so that
// neither a server nor the kernel is in the figures. Of many rounds the fastest tells; the median tells of the machine.
import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import { createPool } from '@flyroute/mysql2'
import mysql, { type Pool, type PoolOptions } from 'mysql2'
import { AnsweringMysqlSocket } from './lib/answering-mysql-socket.ts'
import { called } from './lib/called.ts'

const [rounds, perRound] = process.argv.includes('--short') ? [3, 2_000] : [41, 4_000]
const clients = 20
const sql = 'select id, title from post where id = ?'
const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: 'mysql://app@db.internal/app' }
const farEnv = { ...env, DATABASE_URL_AMS: 'mysql://app@ams.internal/app' }

const bare = mysql.createPool({ uri: env.DATABASE_URL, ...settings('replica') })
const away = createPool({ env: farEnv, ...settings('replica') })
const home = createPool({ env: { ...env, FLY_REGION: 'ord' }, ...settings('primary') })
const pools = { 'bare pool': bare, 'createPool, on a replica': away, 'createPool, on the primary': home }
const places = {
  'outside a request': <T>(work: () => T): T => work(),
  'in a request': <T>(work: () => T): T => runInScope(createScope(createRequestState('request')), work),
}
const forms: Readonly<Record<string, (pool: Pool) => Promise<unknown>>> = {
  'query, callback': (pool) => called((done) => pool.query(sql, [7], done)),
  'execute, callback': (pool) => called((done) => pool.execute(sql, [7], done)),
  'query, promise': (pool) => promisesOf(pool).query(sql, [7]),
  'execute, promise': (pool) => promisesOf(pool).execute(sql, [7]),
}
const promisePools = new Map(Object.values(pools).map((pool) => [pool, pool.promise()]))

console.log(
  `processor time of a statement, in µs; ${clients} at a time, ${rounds} rounds of ${perRound.toLocaleString('en')}`,
)
for (const [form, run] of Object.entries(forms)) {
  for (const [place, around] of Object.entries(places)) {
    const times = new Map(Object.keys(pools).map((name) => [name, [] as number[]]))
    const contenders = Object.entries(pools)
    for (let round = -1; round < rounds; round++) {
      for (const [index] of contenders.entries()) {
        const [name, pool] = contenders[(index + round + 1) % contenders.length] as (typeof contenders)[number]
        const spent = await around(() => microsecondsFor(() => run(pool)))
        if (round >= 0) times.get(name)?.push(spent)
      }
    }
    report(`${form}, ${place}`, times)
  }
}
await Promise.all([...promisePools.values()].map((pool) => pool.end()))

function settings(role: 'primary' | 'replica'): PoolOptions {
  return { connectionLimit: clients, stream: () => new AnsweringMysqlSocket(role) }
}

function promisesOf(pool: Pool): ReturnType<Pool['promise']> {
  return promisePools.get(pool) as ReturnType<Pool['promise']>
}

async function microsecondsFor(run: () => Promise<unknown>): Promise<number> {
  let left: number = perRound
  const worker = async (): Promise<void> => {
    while (left-- > 0) await run()
  }
  const begun = process.cpuUsage()
  await Promise.all(Array.from({ length: clients }, worker))
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / perRound
}

function report(title: string, times: ReadonlyMap<string, readonly number[]>): void {
  console.log(`\n${title.padEnd(34)} fastest   added  median`)
  const [base] = times.values() as unknown as [readonly number[]]
  for (const [name, own] of times) {
    const added = quantile(own, 0) - quantile(base, 0)
    const [fastest, extra, median] = [quantile(own, 0), added, quantile(own, 0.5)].map((value) => value.toFixed(2))
    console.log(`  ${name.padEnd(32)} ${fastest?.padStart(7)} ${extra?.padStart(7)} ${median?.padStart(7)}`)
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
}
