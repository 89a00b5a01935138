import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { DatabaseCluster } from '../clusters.ts'
import type { LateReport } from './play.ts'

export interface LateTest {
  readonly name: string
  /** The program that calls `playLateWork`, with the environment of both machines, and prints what it gives. */
  readonly program: string
  start(): Promise<DatabaseCluster & { readonly primary: { query(sql: string): Promise<readonly object[]> } }>
}

/** How much one request may add to the heap (bytes), what the engine compiles meanwhile included; what a request is made of takes more. */
const mostBytes = 6_000

/** 1,000 requests of each sort, each of which leaves work behind when it is replayed. */
export function describeLateWork({ name, program, start }: LateTest): void {
  let cluster: Awaited<ReturnType<LateTest['start']>>
  beforeAll(async () => {
    cluster = await start()
  }, 240_000)
  afterAll(() => cluster?.dispose())

  test(`${name}: what replayed requests do late, or do not look after, ends no process, reaches no server and leaves nothing behind`, async () => {
    const requests = 1_000
    const env = {
      ...process.env,
      PRIMARY_REGION: 'ord',
      DATABASE_URL: cluster.primary.url,
      DATABASE_URL_AMS: cluster.replicas[0]?.url ?? '',
      REQUESTS: String(requests),
    }
    const args = ['--expose-gc', '--conditions=@flyroute/source', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    const reports = Object.entries(JSON.parse(stdout) as Record<string, LateReport>)
    for (const [work, report] of reports) {
      expect([work, report]).toEqual([
        work,
        { requests: report.requests, replayed: report.requests, busy: 0, bytesARequest: expect.any(Number) },
      ])
      expect([work, report.bytesARequest > mostBytes ? report.bytesARequest : 'little']).toEqual([work, 'little'])
    }
    // Late, and unhandled.
    const all = 2 * requests
    expect(reports.reduce((sum, [, report]) => sum + report.requests, 0)).toBe(all)
    const rows = (await cluster.primary.query(
      'select part, count(*) as n, count(distinct id) as ids from late_work group by part order by part',
    )) as { part: number; n: number | string; ids: number | string }[]
    // Each once, by the replays.
    expect(rows.map(({ part, n, ids }) => [part, Number(n), Number(ids)])).toEqual([
      [1, all, all],
      [2, all, all],
    ])
  }, 240_000)
}
