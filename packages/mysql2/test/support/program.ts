import type mysql from 'mysql2'

/** How a program wants to be told. */
export type Form = 'promise' | 'callback' | 'events'

type Method = 'query' | 'execute' | 'beginTransaction' | 'commit' | 'rollback' | 'ping' | 'end'

interface Call {
  readonly do: Method
  readonly form: Form
  readonly args?: readonly unknown[]
}

/** What a program does with one connection, without waiting but where it says so. */
export type Step = Call | { readonly do: 'settle' | 'destroy' }

/** Runs a program on a connection, and tells all that it has seen, in its order: answers, errors, events. */
export async function traceOf(connection: mysql.Connection, steps: readonly Step[]): Promise<string[]> {
  const trace: string[] = []
  const open = new Map<string, Promise<unknown>>()
  for (const event of ['connect', 'end', 'drain', 'enqueue', 'error'] as const) {
    connection.on(event as 'error', (error: unknown) => {
      trace.push(`on ${event} ${error instanceof Error ? describe(error) : ''}`.trim())
    })
  }
  for (const [index, step] of steps.entries()) {
    if (step.do === 'settle') await Promise.race([Promise.all(open.values()), late(1_000)])
    else if (step.do === 'destroy') connection.destroy()
    else {
      const name = `${index} ${step.do}`
      let answered = (): void => undefined
      open.set(name, new Promise<void>((resolve) => (answered = resolve)))
      const told = (error: unknown, ...values: readonly unknown[]): void => {
        trace.push(`${name} ${error ? describe(error) : JSON.stringify(values.map(seen))}`)
        open.delete(name)
        answered()
      }
      try {
        start(connection, step as Call, told)
      } catch (error) {
        told(error)
      }
    }
  }
  await Promise.race([Promise.all(open.values()), late(1_000)])
  const never = [...open.keys()].map((name) => `${name} was never answered`)
  connection.destroy()
  return [...trace, ...never]
}

type Told = (error: unknown, ...values: readonly unknown[]) => void

function start(connection: mysql.Connection, { do: method, form, args = [] }: Call, told: Told): void {
  if (form === 'promise') {
    const promised = connection.promise()
    const answer = Reflect.apply(promised[method] as (...args: unknown[]) => Promise<unknown>, promised, args)
    answer.then((value) => told(undefined, value), told)
    return
  }
  const given = form === 'callback' || (method !== 'query' && method !== 'execute') ? [...args, told] : args
  const command = Reflect.apply(connection[method] as (...args: unknown[]) => unknown, connection, given)
  if (given.length > args.length) return
  const rows: unknown[] = []
  const query = command as mysql.Query
  query.on('result', (row: unknown) => rows.push(row))
  query.on('error', told)
  query.on('end', () => told(undefined, rows))
}

/** What an app looks at of an answer. */
function seen(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(seen)
  if (typeof value !== 'object' || value === null) return value
  if ('affectedRows' in value) {
    const { affectedRows, insertId, warningStatus } = value as mysql.ResultSetHeader
    return { affectedRows, insertId, warningStatus }
  }
  if ('columnType' in value || 'characterSet' in value) return (value as unknown as { name: string }).name
  return value
}

function describe(error: unknown): string {
  const { name, code, message, fatal } = error as Error & { code?: string; fatal?: boolean }
  // What an error without a listener says has the stack in it.
  return [name, code, message.split('\n')[0], fatal && 'fatal'].filter(Boolean).join(' ')
}

/** An answer that has not come by then never comes. */
function late(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
