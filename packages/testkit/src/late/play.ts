import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  request as send,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { replayable } from '@flyroute/core/node'
import { kinds, type LateRequest } from './kinds.ts'
import type { LateSubject } from './subject.ts'

export interface LateRun {
  /** Makes the routine that `writeSlowly` calls. */
  readonly writer: string
  /** Opens the pool of a machine in that region. */
  open(region: 'ord' | 'ams'): LateSubject
  readonly requests: number
  /** How many requests are under way at a time. */
  readonly atOnce: number
}

/** What the requests have left behind. */
export interface LateReport {
  readonly replayed: number
  /** Of both pools, once the work is over: connections that are neither idle nor gone, and calls that wait. */
  readonly busy: number
  /** What each request added to the heap (bytes), in the second half of them. */
  readonly bytesARequest: number
}

/**
 * Sends requests to a machine on a replica, each of which leaves work behind, and follows each replay to the primary's machine.
 * To be run in a process of its own, with `--expose-gc`: an error that is not handled ends it.
 */
export async function playLateWork({ writer, open, requests, atOnce }: LateRun): Promise<LateReport> {
  const subjects = [open('ams'), open('ord')] as const
  const [far, near] = (await Promise.all(subjects.map(serve))) as [Server, Server]
  const works = Object.values(kinds)
  let next = 0
  let replayed = 0
  let halfway = 0
  const work = async (until: number): Promise<void> => {
    while (next < until) {
      const id = next++
      const path = `/${id % works.length}/${id}`
      const first = await get(far, path)
      if (first.replay === undefined) continue
      replayed++
      const state = /state=([^;]+)/.exec(first.replay)?.[1]
      const second = await get(near, path, { 'fly-replay-src': `instance=one;region=ams;t=1;state=${state}` })
      if (second.status !== 200) throw new Error(`The replay of ${path} was answered ${second.status}`)
    }
  }
  await subjects[1].query('create table late_work (id int not null, part int not null)')
  await subjects[1].query(writer)
  await knowsRoutines(subjects[0])
  const workAll = (until: number): Promise<unknown> => Promise.all(Array.from({ length: atOnce }, () => work(until)))
  await workAll(requests / 2)
  await settled(subjects)
  halfway = heap()
  await workAll(requests)
  await settled(subjects)
  const bytesARequest = Math.round((heap() - halfway) / (requests / 2))
  const busy = subjects.reduce((sum, subject) => sum + subject.busy, 0)
  for (const server of [far, near]) server.close()
  await Promise.all(subjects.map((subject) => subject.end()))
  return { replayed, busy, bytesARequest }
}

async function serve(subject: LateSubject): Promise<Server> {
  const works = Object.values(kinds)
  const handler = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, kind, id] = (request.url ?? '').split('/').map(Number)
    const late: LateRequest = {
      subject,
      id: id as number,
      response,
      write: (part) => `insert into late_work values (${id}, ${part})`,
      writeSlowly: (part) => subject.writeSlowly(id as number, part),
    }
    await works[kind as number]?.(late)
    response.end('done')
  }
  const server = createServer(replayable(handler, { databases: [subject.database] }) as RequestListener)
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
