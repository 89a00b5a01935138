import { createDriver } from '@flyroute/mysql2'
import { startMariadb } from '@flyroute/testkit'
import { inRequest } from '@flyroute/testkit/requests'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { context, SpanStatusCode } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { MySQL2Instrumentation } from '@opentelemetry/instrumentation-mysql2'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import mysql from 'mysql2'
import { Bench } from './support/open.ts'

// Tracing libraries put methods of their own in the place of the driver's. With ours in the driver's place they tell the same.

const bench = new Bench(() => startMariadb({ replicas: 1 }), ['create table item (id int)'])

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const instrumentation = new MySQL2Instrumentation()

interface Patch {
  patch(module: object): unknown
  unpatch(module: object): unknown
}

/** What the instrumentation does to modules as they are loaded. */
const definitions = Reflect.get(instrumentation, 'init') as () => (Patch & { files: (Patch & { name: string })[] })[]
const [ofDriver] = Reflect.apply(definitions, instrumentation, [])
const ofConnection = ofDriver?.files.find(({ name }) => name.endsWith('connection.js'))
const Connection = Reflect.get(mysql, 'Connection') as object

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  instrumentation.setTracerProvider(provider)
  ofDriver?.patch(mysql)
  ofConnection?.patch(Connection)
})
afterAll(() => {
  ofConnection?.unpatch(Connection)
  context.disable()
})

/** Does what a `driver` is traced for, and tells the spans. */
async function spansOf(driver: typeof mysql, uri: string, writes: boolean): Promise<unknown[]> {
  exporter.reset()
  await provider.getTracer('app').startActiveSpan('request', async (span) => {
    const pool = driver.createPool({ uri, connectionLimit: 1 })
    const promises = pool.promise()
    await promises.query('select 1')
    await promises.execute('select ?', [2])
    await new Promise((resolve) => pool.query('select 3', resolve))
    await promises.query('selekt').catch(() => undefined)
    const connection = await promises.getConnection()
    await connection.beginTransaction()
    await connection.query('select 4')
    if (writes) await connection.query('insert into item values (?)', [5])
    await connection.commit()
    connection.release()
    if (writes) await promises.execute('insert into item values (?)', [6])
    await promises.end()
    const single = driver.createConnection({ uri })
    await single.promise().query('select 7')
    await single.promise().end()
    span.end()
  })
  return tree(exporter.getFinishedSpans())
}

/** Spans as they can be compared: by the names of what they are in. */
function tree(spans: readonly ReadableSpan[]): unknown[] {
  const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]))
  return spans.map(({ name, status, parentSpanContext, attributes }) => {
    return {
      name,
      failed: status.code === SpanStatusCode.ERROR,
      in: names.get(parentSpanContext?.spanId ?? ''),
      attributes,
    }
  })
}

test.each<[string, () => Record<string, string>, boolean]>([
  ['off Fly', () => ({}), true],
  ['on the primary', () => ({ ...bench.env, FLY_REGION: 'ord' }), true],
  ['on a replica', () => bench.env, false],
])('the spans are the same %s', async (_, env, writes) => {
  const expected = await spansOf(mysql, (writes ? bench.primary : bench.replica).url, writes)
  expect(expected.length).toBeGreaterThan(8)
  const driver = createDriver({ env: env() })
  const { value } = await inRequest(() => spansOf(driver, bench.primary.url, writes))
  expect(value).toEqual(expected)
})
