import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { estimateCrossingMs, estimateReplayMs, type RouteReport, type TrafficReport } from '@flyroute/core/adapter'
import { afterAll, describe, expect, test } from '@jest/globals'
import type { Advice } from '../src/advise/advice.ts'
import { median, predict } from '../src/advise/predict.ts'
import { reasonsOf } from '../src/advise/reasons.ts'
import { main } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'advise-'))
afterAll(() => rmSync(folder, { recursive: true }))

function route(name: string, more: Partial<RouteReport> = {}): RouteReport {
  const counts = { statements: 0, reads: 0, writes: 0, crossings: 0, primaryCrossings: 0 }
  const { requests = 100, primary = 0 } = more
  const [localMs, primaryMs] = [[[2, requests - primary]], [[4, primary]]] as const
  const sums = { requests, primary, ahead: 0, needless: 0, databaseMs: 0, untilWriteMs: 0 }
  return { route: name, ...sums, ...counts, causes: {}, localMs, primaryMs, ...more }
}

describe('a prediction', () => {
  const way = estimateReplayMs('ams', 'ord')
  const crossing = estimateCrossingMs('ams', 'ord')
  const move = { from: 'ord', to: 'ams' }

  test('what only reads is served there as fast as now; without a replica each wait crosses the ocean', () => {
    const reads = route('GET /', { crossings: 100 })
    expect(predict([reads], move)).toEqual({ now: way + 2, withReplica: 2, withoutReplica: crossing + 2 })
    // From so many on, a replay is cheaper.
    const waits = route('GET /', { crossings: 500 })
    expect(predict([waits], move)).toEqual({ now: way + 2, withReplica: 2, withoutReplica: way + 2 })
  })

  test('what writes is replayed, after what its handler did ahead of that', () => {
    const posts = route('POST /', { primary: 100, ahead: 100 })
    expect(predict([posts], move)).toEqual({ now: way + 4, withReplica: way + 4, withoutReplica: way + 4 })
    const visits = route('GET /', { primary: 100, untilWriteMs: 300 })
    expect(predict([visits], move)).toEqual({ now: way + 4, withReplica: way + 7, withoutReplica: way + 4 })
    const mixed = route('POST /', { primary: 100, ahead: 50, untilWriteMs: 300 })
    expect(predict([mixed], move).withReplica).toBe(way + 4 + 3)
  })

  test('what runs on the primary crosses from any region', () => {
    const looks = route('GET /', { crossings: 300, primaryCrossings: 200 })
    expect(predict([looks], move)).toMatchObject({ withReplica: 2 * crossing + 2 })
  })

  test('where the app is, all stays as it is', () => {
    const all = [route('GET /', { crossings: 300 }), route('POST /', { primary: 100, untilWriteMs: 300 })]
    expect(predict(all, { from: 'ord', to: 'ord' })).toEqual({ now: 2, withReplica: 2, withoutReplica: 2 })
  })

  test('routes count by their requests', () => {
    const [reads, posts] = [route('GET /'), route('POST /', { requests: 101, primary: 101 })]
    expect(predict([reads, posts], move).withReplica).toBe(way + 4)
    expect(median([])).toBe(0)
    expect(
      median([
        [3, 1],
        [1, 1],
        [2, 2],
      ]),
    ).toBe(2)
  })
})

describe('what keeps requests back', () => {
  const namesOf = (...routes: RouteReport[]): string[] =>
    reasonsOf(routes).map(({ name, routes: at, requests }) => `${name} ${at.join('+')} ${requests}`)

  test.each<[string, Partial<RouteReport>, string[]]>([
    ['GET /', { causes: { 'update post': 100 } }, ['write-on-read GET / 100']],
    ['GET /', { causes: { 'insert visit': 20 } }, ['write-on-read GET / 20']],
    ['GET /', { causes: { 'function:visit': 90 } }, ['write-on-read GET / 90']],
    ['GET /', { causes: { serializable: 100 } }, ['no-write GET / 100']],
    ['GET /', { causes: { 'locking-clause': 50, 'update post': 4 } }, ['no-write GET / 50']],
    ['GET /', { causes: { 'update session': 95 } }, ['touched-at-each-request GET / 95']],
    ['POST /', { primary: 100, ahead: 100, causes: { 'update post': 100 } }, []],
    ['POST /search', { primary: 100, ahead: 100, needless: 90 }, ['method POST /search 90']],
    ['GET /', { primaryCrossings: 100 }, ['run-on-primary GET / 100']],
    ['POST /', { primary: 100, primaryCrossings: 100 }, []],
    ['GET /', {}, []],
  ])('at %s with %j', (name, more, expected) => {
    expect(namesOf(route(name, more))).toEqual(expected)
  })

  test('a table that all routes write is one reason, ahead of those with fewer requests', () => {
    const causes = { 'update visitor': 100 }
    const report = [
      route('GET /report', { requests: 150, causes: { 'insert report': 150 } }),
      route('GET /a', { causes }),
      route('GET /b', { causes }),
    ]
    expect(namesOf(...report)).toEqual(['touched-at-each-request GET /a+GET /b 200', 'write-on-read GET /report 150'])
  })
})

describe('the command', () => {
  const run = async (...args: string[]): Promise<{ code: number; printed: string; complaint: string }> => {
    const [printed, complaint]: [string[], string[]] = [[], []]
    const terminal = {
      print: (text: string) => void printed.push(text),
      complain: (text: string) => void complaint.push(text),
      ended: () => new Promise<void>(() => undefined),
    }
    const code = await main(['advise', ...args], terminal)
    return { code, printed: printed.join('\n'), complaint: complaint.join('\n') }
  }
  const leave = (name: string, report: Partial<TrafficReport>): string => {
    const path = join(folder, name)
    writeFileSync(path, JSON.stringify({ version: 1, pid: 5_000_001, since: 0, until: 60_000, routes: [], ...report }))
    return path
  }

  test('says plainly that more than half of the requests write', async () => {
    const path = leave('writes.json', {
      routes: [route('POST /', { requests: 51, primary: 51 }), route('GET /', { requests: 49 })],
    })
    const { code, printed } = await run(path)
    expect(code).toBe(0)
    expect(printed).toContain('49 % of them could be served near their clients, 51 % need the primary')
    expect(printed).toContain('More than half of the requests write: this app gains little in other regions')
    expect(printed).toContain('--regions ams,gru')
  })

  test('shows what is gained where, and what keeps it back', async () => {
    const causes = { 'update post': 20 }
    const routes = [
      route('GET /posts', { crossings: 100 }),
      route('GET /posts/:', { requests: 20, primary: 20, causes }),
    ]
    const path = leave('reads.json', { region: 'ord', primaryRegion: 'ord', routes })
    const { printed } = await run(path, '--regions', 'ams,ord')
    expect(printed).toContain('It is made for more regions.')
    expect(printed).toMatch(/^p50 for clients in +from ord \(now\) +with a replica there +without one$/m)
    expect(printed).toMatch(/^ams +106 ms +2\.0 ms +101 ms$/m)
    expect(printed).toMatch(/^ord +2\.0 ms +2\.0 ms +2\.0 ms$/m)
    expect(printed).toMatch(/^GET \/posts +100 +100 % .* 106 → 2\.0 ms/m)
    expect(printed).toContain(
      '  GET /posts/:\n    counts, or notes something, as it reads (update post): 17 % of all requests\n    what to do: ',
    )
    const json = JSON.parse((await run(path, '--json', '--regions', 'ams', '--primary', 'ord')).printed) as Advice
    expect(json).toMatchObject({
      primary: 'ord',
      requests: 120,
      writing: 20 / 120,
      regions: { ams: { withReplica: 2 } },
    })
    expect(json.reasons).toMatchObject([{ name: 'write-on-read', routes: ['GET /posts/:'], requests: 20 }])
  })

  test('sums up what processes have counted that ended together, or that run', async () => {
    const own = mkdtempSync(join(folder, 'many-'))
    const at = (name: string, report: Partial<TrafficReport>): string =>
      leave(join(own.slice(folder.length + 1), name), report)
    at('1.json', { until: 55_000, routes: [route('GET /', { causes: { 'update a': 1 } })] })
    at('2.json', {
      pid: 5_000_002,
      since: -60_000,
      routes: [route('GET /', { causes: { 'update a': 2 } }), route('GET /b')],
    })
    at('3.json', { pid: 5_000_003, until: 1, routes: [route('GET /old')] })
    const ended = JSON.parse((await run(own, '--json')).printed) as Advice
    expect(ended).toMatchObject({ processes: 2, since: -60_000, until: 60_000, requests: 300 })
    expect(ended.routes.map(({ route: name, requests }) => [name, requests])).toEqual([
      ['GET /', 200],
      ['GET /b', 100],
    ])
    at('4.json', { pid: process.pid, until: 2, routes: [route('GET /runs')] })
    const running = JSON.parse((await run(own, '--json')).printed) as Advice
    expect(running.routes.map(({ route: name }) => name)).toEqual(['GET /runs'])
  })

  test('shows 25 routes, and says how many more there are', async () => {
    const path = leave('many.json', { routes: [...Array(30).keys()].map((n) => route(`GET /r${n}`)) })
    const { printed } = await run(path)
    expect(printed.match(/^GET \/r/gm)).toHaveLength(25)
    expect(printed).toContain('… and 5 more: --json has them')
  })

  test.each<[string, readonly string[], string]>([
    ['nothing was counted', [join(folder, 'none')], 'FLYROUTE_ADVISE=1'],
    ['no request came through', [leave('no-request.json', {})], 'Put replayMiddleware('],
    ['a file is another one', [leave('other.json', { version: 2 as 1 })], 'is not what FLYROUTE_ADVISE writes'],
    [
      'it is not known where the app is',
      [leave('where.json', { routes: [route('GET /')] }), '--regions', 'ams'],
      '--primary ord',
    ],
    ['a region is none', ['--regions', 'ams,mars'], '"mars" is no region'],
    ['there are two folders', ['a', 'b'], 'name one folder'],
    ['there is a folder and an app', ['a', '--', 'node'], 'not both'],
    ['there is no app', ['--'], 'say how to start the app'],
    ['an option is unknown', ['--colour'], '--colour'],
  ])('says so where %s', async (_, args, words) => {
    expect(await run(...args)).toEqual({ code: 2, printed: '', complaint: expect.stringContaining(words) })
  })

  test('tells an app that cannot be started', async () => {
    const { code, complaint } = await run('--', '/nowhere/at/all')
    expect(code).toBe(1)
    expect(complaint).toContain('cannot be started')
  })

  test('has a help text', async () => {
    expect((await run('--help')).printed).toContain('flyroute advise [--regions ams,gru]')
  })
})
