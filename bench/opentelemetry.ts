// What the metrics of flyroute cost an app: CPU time of its thread for a request of Express with one read of a replica by pg, without and
// with FlyrouteInstrumentation and an SDK, in turns; and the nanoseconds of the events of such a request by themselves, which tell more
// where the machine is busy.
import { channel } from 'node:diagnostics_channel'
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import { replayMiddleware } from '@flyroute/core/node'
import { startPostgres } from '@flyroute/lab/databases'
import { FlyrouteInstrumentation } from '@flyroute/opentelemetry'
import { createPool } from '@flyroute/pg'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import express from 'express'

const [rounds, perRound] = process.argv.includes('--short') ? [6, 2_000] : [30, 4_000]

/** Asks for what it is told to, in eight lines, and says when it is done. */
const client = `
  const { parentPort } = require('node:worker_threads')
  const { Agent, get } = require('node:http')
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const ask = (url) => new Promise((resolve, reject) => {
    get(url, { agent }, (response) => response.resume().on('end', resolve)).on('error', reject)
  })
  parentPort.on('message', async ({ url, count }) => {
    let left = count
    const line = async () => { while (left-- > 0) await ask(url) }
    await Promise.all(Array.from({ length: 8 }, line))
    parentPort.postMessage('done')
  })`

const cluster = await startPostgres({ replicas: 1 })
const env = {
  FLY_REGION: 'ams',
  PRIMARY_REGION: 'ord',
  DATABASE_URL: cluster.primary.url,
  DATABASE_URL_AMS: cluster.replicas[0]?.url ?? '',
}
const pool = createPool({ env })
const app = express()
app.use(replayMiddleware({ databases: [pool] }))
app.get('/', async (_, response) => {
  const { rows } = await pool.query('select id, id * 2 as twice from generate_series(1, 10) id')
  response.json(rows)
})
const server = app.listen(0)
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
const worker = new Worker(client, { eval: true })
const meterProvider = new MeterProvider({ readers: [new PrometheusExporter({ preventServerStart: true })] })
const instrumentation = new FlyrouteInstrumentation({ meterProvider })

await measure()
const times: { without: number[]; within: number[] } = { without: [], within: [] }
for (let round = 0; round < rounds; round++) {
  times.without.push(await measure())
  instrumentation.enable()
  times.within.push(await measure())
  instrumentation.disable()
}
const [without, within] = [median(times.without), median(times.within)]
console.log(`a request with one read: ${without.toFixed(1)} µs of CPU without, ${within.toFixed(1)} with`)
instrumentation.enable()
const [statement, request] = [fastest(tellStatement), fastest(tellRequest)]
const share = ((statement + request) / without / 10).toFixed(2)
console.log(`${statement.toFixed(0)} ns for a statement, ${request.toFixed(0)} ns for a request: ${share} % of that`)

instrumentation.disable()
await worker.terminate()
server.close()
await pool.end()
await cluster.dispose()

function tellStatement(): void {
  const read = { database: 'app', dialect: 'postgres', server: 'local', access: 'read', reason: 'select' }
  channel('flyroute:statement').publish({ ...read, durationMs: 2, code: undefined })
}

function tellRequest(): void {
  channel('flyroute:request').publish({ outcome: 'local', reason: 'local' })
}

/** CPU time (µs) of this thread for a request. */
async function measure(): Promise<number> {
  const before = process.threadCpuUsage()
  worker.postMessage({ url, count: perRound })
  await new Promise((resolve) => worker.once('message', resolve))
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / perRound
}

/** Nanoseconds of the fastest round. */
function fastest(run: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 20; round++) {
    const begun = process.hrtime.bigint()
    for (let n = 0; n < 20_000; n++) run()
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / 20_000)
  }
  return best
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}
