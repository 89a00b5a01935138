import type pg from 'pg'
import { describe, late, resultOf } from './program.ts'

/** How a program wants to be told. */
type Form = 'promise' | 'callback'

/** What a program does with a pool. `of` is a check-out, by its number among those that were asked for. */
export type PoolStep =
  | {
      readonly do: 'query'
      readonly form: Form
      readonly what: unknown
      readonly values?: unknown
      readonly of?: number
    }
  | { readonly do: 'connect' | 'end'; readonly form: Form }
  | { readonly do: 'release'; readonly of: number; readonly reason?: unknown }
  | { readonly do: 'settle' }

/** The module `pg`, or what is to be like it. */
type Driver = Pick<typeof pg, 'Pool'>

const events = ['connect', 'acquire', 'release', 'remove', 'error'] as const

/** Runs a program on a pool, and tells all that it has seen, in its order, and the pool's counters at each rest. */
export async function poolTraceOf(driver: Driver, options: object, steps: readonly PoolStep[]): Promise<string[]> {
  const trace: string[] = []
  const ends: string[] = []
  const pool = new driver.Pool(options)
  const clients: (pg.PoolClient | undefined)[] = []
  const released = new Set<number>()
  let alive = 0
  /** In a pool that ends, what is not lent goes; each goodbye takes its time, and ours are said to more connections. */
  const rests = async (): Promise<void> => {
    if ((pool as { ending?: boolean }).ending !== true) return
    const lentOut = (): number => clients.filter((client, of) => client !== undefined && !released.has(of)).length
    for (let rest = 0; rest < 50 && alive > lentOut(); rest++) await late(5)
  }
  const heard = new Set<pg.PoolClient>()
  const open = new Map<string, Promise<unknown>>()
  const nameOf = (client: unknown): number => clients.indexOf(client as pg.PoolClient)
  for (const event of events) {
    pool.on(event as 'acquire', (value: unknown) => {
      const about = value instanceof Error ? describe(value) : event === 'acquire' || !value ? '' : nameOf(value)
      trace.push(`on ${event} ${about}`.trim())
      if (event === 'connect') alive++
      if (event === 'remove') alive--
    })
  }
  const lent = (of: number, client: pg.PoolClient): void => {
    clients[of] = client
    if (heard.has(client)) return
    heard.add(client)
    // Without a listener, one that is lost would end the process.
    client.on('error', (error) => trace.push(`client ${of} ${describe(error)}`))
  }
  const call = (name: string, form: Form, on: object, method: string, args: readonly unknown[]): void => {
    let answered = (): void => undefined
    open.set(name, new Promise<void>((resolve) => (answered = resolve)))
    const answer = (error: unknown, value?: unknown): void => {
      const isClient = method === 'connect' && !error
      if (isClient) lent(Number.parseInt(name.split('#')[1] ?? '', 10), value as pg.PoolClient)
      // Ours has ended when our own connections have as well.
      const told = method === 'end' ? ends : trace
      told.push(`${name} ${error ? describe(error) : isClient ? 'a client' : resultOf(value)}`)
      open.delete(name)
      answered()
    }
    try {
      const function_ = Reflect.get(on, method) as (...args: unknown[]) => unknown
      if (form === 'callback') Reflect.apply(function_, on, [...args, answer])
      else
        void (Reflect.apply(function_, on, args) as Promise<unknown>).then((value) => answer(undefined, value), answer)
    } catch (error) {
      answer(error)
    }
  }
  const give = (of: number, reason?: unknown): void => {
    const client = clients[of]
    if (client === undefined) return
    released.add(of)
    try {
      client.release(reason as Error)
    } catch (error) {
      trace.push(`release ${of} ${describe(error)}`)
    }
  }
  let asked = 0
  for (const [index, step] of steps.entries()) {
    if (step.do === 'settle') {
      await Promise.race([Promise.all(open.values()), late(200)])
      const { totalCount, idleCount, waitingCount, ended, ending } = pool as pg.Pool & { ending: boolean }
      trace.push(JSON.stringify({ totalCount, idleCount, waitingCount, ended, ending }))
    } else if (step.do === 'release') {
      give(step.of, step.reason)
    } else if (step.do === 'query') {
      const on = step.of === undefined ? pool : clients[step.of]
      const args = [step.what, ...(step.values === undefined ? [] : [step.values])]
      if (on !== undefined) call(`${index} query`, step.form, on, 'query', args)
    } else if (step.do === 'connect') {
      call(`${index} connect#${asked}`, step.form, pool, 'connect', [])
      clients[asked++] = undefined
    } else {
      call(`${index} end`, step.form, pool, 'end', [])
    }
    await rests()
  }
  // What waits for a connection gets one.
  for (let rest = 0; rest < 50 && open.size > 0; rest++) {
    for (const of of clients.keys()) if (!released.has(of)) give(of)
    await Promise.race([Promise.all(open.values()), late(30)])
  }
  for (const of of clients.keys()) if (!released.has(of)) give(of)
  trace.push(...[...open.keys()].map((name) => `${name} was never answered`))
  if (!pool.ended) await pool.end().catch(() => undefined)
  // The pool has ended before its connections have.
  for (let rest = 0; rest < 50 && alive > 0; rest++) await late(5)
  return [...trace, ...ends.toSorted()]
}
