import { createServer, type Server, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Door, doors, type Handle } from './doors.ts'
import { type Kinds, type LateRequest, lateKinds } from './kinds.ts'
import type { LateSubject } from './subject.ts'
import { unhandledKinds } from './unhandled-kinds.ts'

export interface LateRun {
  /** Makes the routine that `writeSlowly` calls. */
  readonly writer: string
  /** Opens the pool of a machine in that region. */
  open(region: 'ord' | 'ams'): LateSubject
  /** How many requests there are of each sort of work. */
  readonly requests: number
}

/** How many requests are under way at a time: most of them wait. */
const atOnce = 16

/** What the requests have left behind. */
export interface LateReport {
  readonly requests: number
  readonly replayed: number
  /** Of both pools, once the work is over: connections that are neither idle nor gone, and calls that wait. */
  readonly busy: number
  /** What each request added to the heap (bytes), in the second half of them. */
  readonly bytesARequest: number
}

interface Play {
  readonly name: string
  readonly kinds: Kinds
  /** How its requests come in. */
  readonly door: Door
  /** Its part of the requests of that sort. */
  readonly part: number
}

/** What is played one after the other. */
const plays: readonly Play[] = [
  { name: 'late, node:http', kinds: lateKinds, door: 'handler', part: 1 },
  { name: 'unhandled, Express', kinds: unhandledKinds, door: 'express', part: 1 / 2 },
  { name: 'unhandled, Hono', kinds: unhandledKinds, door: 'hono', part: 1 / 2 },
]

/**
 * Sends requests to a machine on a replica, each of which leaves work behind, and follows each replay to the primary's machine.
 * To be run in a process of its own, with `--expose-gc`: an error that is not handled ends it.
 */
export async function playLateWork(run: LateRun): Promise<Record<string, LateReport>> {
  const subjects = [run.open('ams'), run.open('ord')] as const
  await subjects[1].query('create table late_work (id int not null, part int not null)')
  await subjects[1].query(run.writer)
  await knowsRoutines(subjects[0])
  const reports: Record<string, LateReport> = {}
  let firstId = 0
  for (const { name, kinds, door, part } of plays) {
    const serving = subjects.map((subject) => serve(subject, Object.values(kinds), door))
    const [far, near] = (await Promise.all(serving)) as [Server, Server]
    const requests = run.requests * part
    reports[name] = await play(subjects, { far, near, kinds: Object.keys(kinds), firstId, requests })
    firstId += requests
    for (const server of [far, near]) server.close()
  }
  await Promise.all(subjects.map((subject) => subject.end()))
  return reports
}

interface Machines {
  readonly far: Server
  readonly near: Server
  readonly kinds: readonly string[]
  /** The numbers of the requests begin with it. */
  readonly firstId: number
  readonly requests: number
}

async function play(
  subjects: readonly LateSubject[],
  { far, near, kinds, firstId, requests }: Machines,
): Promise<LateReport> {
  let next = 0
  let replayed = 0
  const work = async (until: number): Promise<void> => {
    while (next < until) {
      const kind = next % kinds.length
      const path = `/${kind}/${firstId + next++}`
      const first = await get(far, path)
      if (first.replay === undefined) continue
      replayed++
      const state = /state=([^;]+)/.exec(first.replay)?.[1]
      const second = await get(near, path, { 'fly-replay-src': `instance=one;region=ams;t=1;state=${state}` })
      if (second.status !== 200) throw new Error(`The replay of ${kinds[kind]} was answered ${second.status}`)
    }
  }
  const workAll = (until: number): Promise<unknown> => Promise.all(Array.from({ length: atOnce }, () => work(until)))
  await workAll(requests / 2)
  await settled(subjects)
  const halfway = heap()
  await workAll(requests)
  await settled(subjects)
  const bytesARequest = Math.round((heap() - halfway) / (requests / 2))
  return { requests, replayed, busy: subjects.reduce((sum, subject) => sum + subject.busy, 0), bytesARequest }
}

async function serve(subject: LateSubject, works: Kinds[string][], door: Door): Promise<Server> {
  const handle: Handle = async (path, response) => {
    const [, kind, id] = path.split('/').map(Number)
    const late: LateRequest = {
      subject,
      id: id as number,
      response,
      write: (part) => `insert into late_work values (${id}, ${part})`,
      writeSlowly: (part) => subject.writeSlowly(id as number, part),
    }
    await works[kind as number]?.(late)
  }
  const server = createServer(doors[door](subject, handle))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** Until the server has told what the routine does, a call of it is refused before it is sent. */
async function knowsRoutines(subject: LateSubject): Promise<void> {
  const reason = async (): Promise<unknown> =>
    subject.query(subject.writeSlowly(0, 0)).catch((error: { reason?: unknown }) => error.reason)
  while ((await reason()) !== 'refused') await sleep(10)
}

function get(
  server: Server,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; replay: string | undefined }> {
  return new Promise((resolve, reject) => {
    const { port } = server.address() as AddressInfo
    const request = send({ host: '127.0.0.1', port, path, headers }, (response) => {
      const replay = response.headers['fly-replay'] as string | undefined
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, replay }))
    })
    request.on('error', reject).end()
  })
}

/** Waits until no connection is in use, but not for ever: what is left then is told. */
async function settled(subjects: readonly LateSubject[]): Promise<void> {
  for (let waited = 0; waited < 3_000 && subjects.some(({ busy }) => busy > 0); waited += 10) await sleep(10)
  // Timers of the last requests.
  await sleep(50)
}

function heap(): number {
  for (let n = 0; n < 4; n++) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
