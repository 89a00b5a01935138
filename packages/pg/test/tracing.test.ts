import { createDriver } from '@flyroute/pg'
import { request } from '@flyroute/testkit/requests'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import pg from 'pg'
import { Bench } from './support/open.ts'
import type { Driver } from './support/program.ts'

// Tracing libraries put methods of their own in the place of the driver's. With ours in the driver's place they tell the same.

const bench = new Bench('create table item (id int)')

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const instrumentation = new PgInstrumentation()

interface Patch {
  patch(module: object): unknown
  unpatch(module: object): unknown
}

/** What the instrumentation does to modules as they are loaded. */
const [ofDriver, ofPool] = Reflect.apply(Reflect.get(instrumentation, 'init') as () => Patch[], instrumentation, [])
const poolClass = Object.getPrototypeOf(pg.Pool) as object

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  instrumentation.setTracerProvider(provider)
})
beforeEach(() => exporter.reset())
afterAll(() => context.disable())

/** Does what a `driver` is traced for, and tells the spans. */
async function spansOf(driver: Pick<typeof pg, 'Pool'> & Driver, url: string, writes: boolean): Promise<unknown[]> {
  exporter.reset()
  const tracer = provider.getTracer('app')
  await tracer.startActiveSpan('request', async (span) => {
    const pool = new driver.Pool({ connectionString: url, max: 1 })
    await pool.query('select 1')
    await pool.query('select $1::int', [2])
    await pool.query({ text: 'select 3', rowMode: 'array' })
    await new Promise((resolve) => pool.query('select 4', resolve))
    await pool.query('select 1/0').catch(() => undefined)
    const client = await pool.connect()
    await client.query({ name: 'five', text: 'select 5' })
    await client.query('begin')
    if (writes) await client.query('insert into item values ($1)', [6])
    await client.query('commit')
    client.release()
    if (writes) await pool.query('insert into item values (7)')
    await pool.end()
    const single = new driver.Client(url)
    await single.connect()
    await single.query('select 8')
    await single.end()
    span.end()
  })
  return tree(exporter.getFinishedSpans())
}

/** Spans as they can be compared: by the names of what they are in, and without what each has of its own. */
function tree(spans: readonly ReadableSpan[]): unknown[] {
  const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]))
  return spans.map(({ name, status, parentSpanContext, attributes }) => {
    const { 'db.postgresql.idle.timeout.millis': _, ...told } = attributes
    return { name, failed: status.code === SpanStatusCode.ERROR, in: names.get(parentSpanContext?.spanId ?? ''), told }
  })
}

const home = (): Record<string, string> => ({ ...bench.env, FLY_REGION: 'ord' })

test.each<[string, () => Record<string, string>, boolean]>([
  ['off Fly', () => ({}), true],
  ['on the primary', home, true],
  ['on a replica', () => bench.env, false],
])('the spans are the same %s', async (_, env, writes) => {
  const { url } = writes ? bench.cluster.primary : bench.replica
  ofDriver?.patch(pg)
  ofPool?.patch(poolClass)
  try {
    const expected = await spansOf(pg, url, writes)
    const driver = createDriver({ env: env() })
    expect(await request(() => spansOf(driver, bench.cluster.primary.url, writes))).toEqual(expected)
  } finally {
    ofPool?.unpatch(poolClass)
    ofDriver?.unpatch(pg)
  }
})

test('our own classes can be traced instead', async () => {
  const driver = createDriver({ env: home() })
  ofDriver?.patch(driver)
  const pool = new driver.Pool({ connectionString: bench.cluster.primary.url })
  await request(() => pool.query('insert into item values (1)'))
  await pool.end()
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['pg.connect', 'pg.query:INSERT app'])
  expect(trace.getActiveSpan()).toBeUndefined()
})

test('the span of a statement whose request is replayed says so, for who leaves it out', async () => {
  const driver = createDriver({ env: bench.env })
  ofDriver?.patch(driver)
  const pool = new driver.Pool()
  await request(async () => {
    const client = await pool.connect()
    await client.query('insert into item values (1)').catch(() => undefined)
    client.release()
  })
  await pool.end()
  const messages = exporter.getFinishedSpans().map(({ status }) => status.message)
  expect(messages).toContainEqual(expect.stringContaining('this request is being replayed'))
})
