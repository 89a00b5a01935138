import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TrafficReport } from '@flyroute/core/adapter'
import { type JournalEntry, type Lab, startLab } from '@flyroute/lab'
import { startPostgres } from '@flyroute/lab/databases'
import type { Advice } from '../../src/advise/advice.ts'
import type { Prediction } from '../../src/advise/predict.ts'
import type { AdvisedApp, Send } from './apps.ts'

/** One prediction beside what has come of it. */
export interface Comparison {
  readonly region: string
  readonly what: keyof Prediction
  readonly predicted: number
  readonly measured: number
  /** What this machine takes for the lab itself, measured at home in the same moments: no prediction can know it. */
  readonly labMs: number
  readonly isNear: boolean
}

/** A prediction may be off by so much; or by so many ms, which is what core allows for the proxies. */
const [near, nearMs] = [0.15, 5] as const
/** So many clients come, one after the other, and so many before that: connections are made, routes become known. */
const [clients, firstClients] = [8, 3] as const
/** What is measured while the lab itself takes no more than this (ms) counts; on a machine that is never so calm, the calmest of a few. */
const [calmMs, attempts] = [8, 4] as const

const source = '--conditions=@flyroute/source'
const bin = join(import.meta.dirname, '../../src/bin.ts')

/** Judges an app where it runs alone, off Fly.io; and then runs it in other regions, and looks. */
export async function compare(app: AdvisedApp): Promise<{ advice: Advice; comparisons: readonly Comparison[] }> {
  const advice = await judge(app)
  const { folder: cwd, replicaVariables = 'per-region' } = app
  await using lab = await startLab({
    regions: ['ord', 'ams', 'gru'],
    // A replica in ams, and none in gru.
    replicas: ['ams'],
    replicaVariables,
    cwd,
    command: [process.execPath, source, 'src/server.ts'],
    setup: [process.execPath, source, 'src/migrate.ts'],
  })
  const comparisons: Comparison[] = []
  for (const [region, what, home] of [
    ['ams', 'now', 'ord'],
    ['ams', 'withReplica', undefined],
    ['gru', 'withoutReplica', undefined],
  ] as const) {
    const predicted = predictionOf(advice, region)[what]
    const { there, labMs } = await measure(lab, app, region, home, predictionOf(advice, 'ord').now)
    const measured = there - labMs
    const isNear = Math.abs(predicted - measured) <= Math.max(near * measured, nearMs)
    comparisons.push({ region, what, predicted, measured, labMs, isNear })
  }
  return { advice, comparisons }
}

function predictionOf({ regions }: Advice, region: string): Prediction {
  const found = regions[region]
  if (found === undefined) throw new Error(`Nothing is predicted of ${region}`)
  return found
}

/** What `flyroute advise` says of an app that it starts, after all of its clients. */
async function judge(app: AdvisedApp): Promise<Advice> {
  const folder = mkdtempSync(join(tmpdir(), 'advise-'))
  await using cluster = await startPostgres({ replicas: 0 })
  const port = await freePort()
  const own = { DATABASE_URL: cluster.primary.url, FLYROUTE_ADVISE: folder, PORT: String(port) }
  const options = { cwd: app.folder, env: { ...process.env, ...own } }
  await once(spawn(process.execPath, [source, 'src/migrate.ts'], { ...options, stdio: 'inherit' }), 'close')
  const command = ['advise', '--json', '--primary', 'ord', '--regions', 'ord,ams,gru', '--', process.execPath, source]
  const child = spawn(process.execPath, [source, bin, ...command, 'src/server.ts'], {
    ...options,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const printed = text(child.stdout)
  const url = `http://127.0.0.1:${port}`
  try {
    while (!(await fetch(`${url}/nowhere`).catch(() => undefined))) await sleep(20)
    let sent = 1
    const send = sender(url, {}, () => void sent++)
    for (let client = 0; client < clients; client++) await app.visit(send())
    while (countedIn(folder) < sent) await sleep(50)
    child.kill('SIGINT')
    return JSON.parse(await printed) as Advice
  } finally {
    child.kill('SIGTERM')
    rmSync(folder, { recursive: true })
  }
}

function countedIn(folder: string): number {
  const reports = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as TrafficReport)
  return reports.flatMap(({ routes }) => routes).reduce((sum, { requests }) => sum + requests, 0)
}

/** What was measured: what clients of a region wait for, and what the lab itself takes in these moments (ms, at the median). */
interface Measured {
  readonly there: number
  readonly labMs: number
}

/**
 * Measures what clients of a region wait for, by the journal of the lab's proxy. Those at home come in between: what they wait for
 * beyond what is known of the app is the lab's, and the machine's.
 *
 * @param prefers the region that the first are sent to, as if the app ran there alone
 * @param homeMs what those at home would wait for
 */
async function measure(
  lab: Lab,
  app: AdvisedApp,
  region: string,
  prefers: string | undefined,
  homeMs: number,
): Promise<Measured> {
  const headers: Record<string, string> = prefers === undefined ? {} : { 'fly-prefer-region': prefers }
  const senders = [sender(lab.url(region), headers), sender(lab.url('ord'), {})]
  const come = async (count: number): Promise<void> => {
    for (let client = 0; client < count; client++) for (const send of senders) await app.visit(send())
  }
  await come(firstClients)
  let calmest: Measured | undefined
  for (let attempt = 0; attempt < attempts && (calmest?.labMs ?? Number.POSITIVE_INFINITY) > calmMs; attempt++) {
    const entries: JournalEntry[] = []
    const stop = lab.journal.onEntry((entry) => void entries.push(entry))
    await come(clients)
    stop()
    // Below 0 where the machine was busier as the app was judged.
    const labMs = medianAt('ord', entries) - homeMs
    if (calmest === undefined || labMs < calmest.labMs) calmest = { there: medianAt(region, entries), labMs }
  }
  if (calmest === undefined) throw new Error('Nothing was measured')
  return calmest
}

function medianAt(region: string, entries: readonly JournalEntry[]): number {
  const times = entries.filter(({ edge }) => edge === region).map(({ milliseconds }) => milliseconds)
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length / 2) - 1] ?? Number.NaN
}

/** Makes clients: each has the cookies that it was given. */
function sender(
  url: string,
  headers: Readonly<Record<string, string>>,
  sent: () => void = () => undefined,
): () => Send {
  return () => {
    const cookies = new Map<string, string>()
    return async (method, path, body) => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const json = body === undefined ? {} : { 'content-type': 'application/json' }
      const init = {
        method,
        headers: { ...headers, ...json, cookie },
        body: body === undefined ? null : JSON.stringify(body),
      }
      const response = await fetch(url + path, init)
      sent()
      await response.arrayBuffer()
      if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}`)
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        cookies.set(name, value)
      }
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
