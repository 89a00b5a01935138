import type pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'

/** How a program wants to be told. */
export type Form = 'promise' | 'callback' | 'nothing'

/** What a program does with one client, all that it may without waiting but where it says so. */
export type Step =
  | { readonly do: 'connect' | 'end'; readonly form: Form }
  | {
      readonly do: 'query'
      readonly form: Form | 'cursor' | 'stream'
      readonly what: unknown
      readonly values?: unknown
    }
  | { readonly do: 'settle' }

/** The module `pg`, or what is to be like it. */
export type Driver = Pick<typeof pg, 'Client'>

/**
 * Runs a program, and tells all that it has seen, in its order: answers, errors, events of the client. What was never answered,
 * although the client has ended, is told last.
 */
export async function traceOf(driver: Driver, options: object, steps: readonly Step[]): Promise<string[]> {
  const trace: string[] = []
  const client = new driver.Client(options)
  const open = new Set<string>()
  const pending: Promise<unknown>[] = []
  for (const event of ['drain', 'end', 'notice', 'notification'] as const) {
    client.on(event as 'end', (value?: unknown) => trace.push(`on ${event} ${messageOf(value)}`.trim()))
  }
  client.on('error', (error) => trace.push(`on error ${describe(error)}`))
  for (const [index, step] of [...steps, { do: 'end', form: 'promise' } as const].entries()) {
    if (step.do === 'settle') {
      await Promise.race([Promise.all(pending), late()])
      continue
    }
    const name = `${index} ${step.do}`
    open.add(name)
    let resolve = (): void => undefined
    const promise = new Promise<void>((done) => (resolve = done))
    if (step.form !== 'nothing') pending.push(promise)
    const told = (error: unknown, value?: unknown): void => {
      trace.push(`${name} ${error ? describe(error) : resultOf(value)}`)
      open.delete(name)
      resolve()
    }
    try {
      const result = start(client, step, told)
      if (step.form !== 'nothing') continue
      open.delete(name)
      // This would end a process.
      void result?.catch((error: unknown) => trace.push(`${name}, unhandled: ${describe(error)}`))
    } catch (error) {
      told(error)
    }
  }
  await Promise.race([Promise.all(pending), late()])
  return [...trace, ...[...open].map((name) => `${name} was never answered`)]
}

type Told = (error: unknown, value?: unknown) => void

/** @returns what the app is left with, if that is a promise */
function start(client: pg.Client, step: Exclude<Step, { do: 'settle' }>, told: Told): Promise<unknown> | undefined {
  const { form } = step
  if (form === 'cursor') {
    const cursor = client.query(new Cursor(step.what as string, step.values as unknown[]))
    cursor.read(10, (error, rows) => {
      told(error, rows)
      if (!error) void cursor.close()
    })
    return undefined
  }
  if (form === 'stream') {
    const rows: unknown[] = []
    client
      .query(new QueryStream(step.what as string, step.values as unknown[]))
      .on('data', (row) => rows.push(row))
      .once('error', told)
      .once('end', () => told(undefined, rows))
    return undefined
  }
  const given = step.do === 'query' ? [step.what, ...(step.values === undefined ? [] : [step.values])] : []
  const args = form === 'callback' ? [...given, told] : given
  const result = Reflect.apply(client[step.do], client, args) as Promise<unknown> | undefined
  if (form === 'promise') result?.then((value) => told(undefined, value), told)
  return result
}

/** What there is to be seen of an answer. */
export function resultOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(resultOf).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'nothing'
  if (!('rows' in value)) return 'end' in value ? 'the client' : JSON.stringify(value)
  const { command, rowCount, rows, fields } = value as pg.QueryArrayResult
  return JSON.stringify({ command, rowCount, rows, fields: fields.map(({ name, format }) => `${name} ${format}`) })
}

export function describe(error: unknown): string {
  const { name, code, message } = error as Error & { code?: string }
  return [name, code, message].filter(Boolean).join(' ')
}

function messageOf(value: unknown): string {
  const { message, channel, payload } = (value ?? {}) as Record<string, string | undefined>
  return [message, channel, payload].filter(Boolean).join(' ')
}

/** An answer that has not come by then never comes. */
export function late(ms = 1_500): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
