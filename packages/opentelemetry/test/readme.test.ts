import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import * as ours from '@flyroute/opentelemetry'
import { expect, test } from '@jest/globals'
import { propagation, ROOT_CONTEXT, type TextMapPropagator, trace } from '@opentelemetry/api'
import * as core from '@opentelemetry/core'
import * as prometheus from '@opentelemetry/exporter-prometheus'
import type { Instrumentation } from '@opentelemetry/instrumentation'
import * as http from '@opentelemetry/instrumentation-http'
import * as metrics from '@opentelemetry/sdk-metrics'
import { runSnippet, type Snippet, snippetsOf } from '../../core/test/support/snippets.ts'
import { scrape } from './support/scrape.ts'
import { tellAll } from './support/tell.ts'

// What a reader copies has to work: each snippet of the README is run.

interface NodeSdkOptions {
  readonly metricReaders: metrics.IMetricReader[]
  readonly instrumentations: readonly Instrumentation[]
  readonly textMapPropagator: TextMapPropagator
}

/** As far as the snippet goes, what the SDK for Node does with its options. */
class NodeSDK {
  static options: NodeSdkOptions

  constructor(options: NodeSdkOptions) {
    NodeSDK.options = options
  }

  start(): void {
    const { instrumentations, metricReaders, textMapPropagator } = NodeSDK.options
    for (const instrumentation of instrumentations) instrumentation.enable()
    propagation.setGlobalPropagator(textMapPropagator)
    const provider = new metrics.MeterProvider({ readers: metricReaders })
    for (const instrumentation of instrumentations) instrumentation.setMeterProvider(provider)
  }
}

const modules = {
  '@flyroute/opentelemetry': ours,
  '@opentelemetry/core': core,
  '@opentelemetry/exporter-prometheus': prometheus,
  '@opentelemetry/instrumentation-http': http,
  '@opentelemetry/sdk-metrics': metrics,
  '@opentelemetry/sdk-node': { NodeSDK },
}
const [forPrometheus, withSdk, ...more] = snippetsOf(join(import.meta.dirname, '../README.md')) as [Snippet, Snippet]

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const onPort = (snippet: Snippet, port: number): Snippet => ({
  ...snippet,
  code: snippet.code.replace('9464', String(port)),
})

test('all snippets are known here', () => expect(more).toEqual([]))

test('metrics for Prometheus', async () => {
  const port = await freePort()
  const code = `${onPort(forPrometheus, port).code}\nreturn meterProvider`
  const provider = (await runSnippet({ ...forPrometheus, code }, {}, modules)) as metrics.MeterProvider
  tellAll()
  expect((await scrape(`http://127.0.0.1:${port}/metrics`)).of('flyroute_replays_total')).toEqual({
    'write ams ord': 1,
  })
  await provider.shutdown()
})

test('traces as well, with the SDK for Node', async () => {
  const port = await freePort()
  await runSnippet(onPort(withSdk, port), {}, modules)
  const { instrumentations, metricReaders } = NodeSDK.options
  tellAll()
  expect((await scrape(`http://127.0.0.1:${port}/metrics`)).of('flyroute_replays_total')).toEqual({
    'write ams ord': 1,
  })
  expect(instrumentations.map((one) => one.getConfig().enabled)).toEqual([true, true])
  const state = `flyroute:write/00-${'1'.repeat(32)}-${'2'.repeat(16)}-01@app`
  const found = propagation.extract(ROOT_CONTEXT, { 'fly-replay-src': `region=ams;state=${state}` })
  expect(trace.getSpanContext(found)).toMatchObject({ traceId: '1'.repeat(32), spanId: '2'.repeat(16) })
  for (const one of instrumentations) one.disable()
  for (const reader of metricReaders) await reader.shutdown()
})
