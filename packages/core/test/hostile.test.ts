import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { FlyroutePool } from '../../pg/src/index.ts'
import { createPool } from '../../pg/src/index.ts'
import { replayable } from '../src/node.ts'
import { Connection } from './support/http.ts'
import { type Fly, type Region, Regions } from './support/postgres.ts'

const regions = new Regions('create table note (id serial primary key, text text)')

/** Bytes that somebody sends, and how the connection goes on from there. */
interface Odd {
  readonly what: string
  readonly bytes: string
  /** The client is gone before any answer. */
  readonly aborts?: boolean
}

const token = (rows: unknown): string => `1.${Buffer.from(JSON.stringify(rows)).toString('base64url')}`
const now = Date.now()

/** A request that is whole but for what is odd about it. */
function odd(what: string, method: string, headers: readonly string[], path = '/read', body = ''): Odd {
  const length = body === '' ? [] : [`content-length: ${Buffer.byteLength(body)}`]
  const lines = [`${method} ${path} HTTP/1.1`, 'host: app.example', 'connection: close', ...length, ...headers]
  return { what, bytes: `${lines.join('\r\n')}\r\n\r\n${body}` }
}

const tokens: Record<string, string> = {
  empty: '',
  'a dot': '.',
  'another version': '2.e30',
  'not base64': '1.%%%%',
  'not JSON': `1.${Buffer.from('{').toString('base64url')}`,
  null: token(null),
  'a string': token('x'),
  'deep nesting': `1.${Buffer.from('['.repeat(2_000)).toString('base64url')}`,
  'many rows': token(Array.from({ length: 100 }, (_, n) => [`d${n}`, 1])),
  'far future': token([['app', 'c', 1, 'F/0', now + 1e12]]),
  'the future of a clock that is a little off': token([['app', 'c', 1, 'F/0', now + 50_000]]),
  'long expired': token([['app', 'c', 1, 'F/0', 1]]),
  'of another cluster': token([['app', 'other', 1, '0/1', now]]),
  'ahead of everything': token([['app', 'c', 1, 'FFFFFFFF/FFFFFFFF', now]]),
  'an epoch that nobody has': token([['app', 'c', 2 ** 52, '0/1', now]]),
  'a negative epoch': token([['app', 'c', -1, '0/1', now]]),
  'SQL for a position': token([['app', 'c', 1, "0/1'; drop table note; --", now]]),
  'a position that is too long': token([['app', 'c', 1, `${'F'.repeat(500)}/0`, now]]),
  'primary for ever': token([['app', now + 1e12]]),
  'primary for a while': token([['app', now + 5_000]]),
  __proto__: token([['__proto__', 'c', 1, 'F/0', now]]),
  constructor: token([['constructor', now + 5_000]]),
  'another database': token([['billing', 'c', 1, 'F/0', now]]),
  'signed by nobody': `${token([['app', 'c', 1, 'F/0', now]])}.AAAAAAAAAAAAAAAAAAAAAA`,
  'three signatures': `${token([])}.a.b.c`,
  'a quoted one': `"${token([['app', 'c', 1, 'F/0', now]])}"`,
  'percent signs': '1.%00%0d%0aset-cookie:%20x=1',
  'high bytes': '1.\u00ff\u00fe\u0080',
  'ten thousand characters': `1.${'A'.repeat(10_000)}`,
}
const states = [
  '',
  'flyroute:',
  'flyroute:method',
  'flyroute:method:post@app',
  'flyroute:stale@app',
  'flyroute:refused@app',
]
states.push(
  'flyroute:write:insert@other',
  'flyroute:@',
  'flyroute:a@b@c',
  `flyroute:${'a-'.repeat(2_000)}`,
  'captured_write',
)
states.push('flyroute:refused:\u00e9', 'FLYROUTE:write', 'flyroute:__proto__@constructor')
const sources = [
  ...states.map((state) => `instance=1;region=ams;t=1;state=${state}`),
  '',
  ';;;;',
  '='.repeat(2_000),
  ';'.repeat(8_000),
  'state',
  'state="flyroute:write',
  'instance=1;state=x;state=flyroute:write@app',
  't=99999999999999999999;region=\u00ff',
]
const failures = [
  'timeout',
  'retries_exhausted',
  'no_candidate',
  'other',
  '',
  '"',
  'no_candidate;reason=timeout',
  'x'.repeat(4_000),
].map((reason) => `instance=1;app=a;region=ord;replay_source=x;reason=${reason};elapsed_ms=NaN`)
failures.push(';', '=;=;', 'reason', `${';a=b'.repeat(2_000)}`)

const all: Odd[] = [
  ...Object.entries(tokens).flatMap(([what, value]) => [
    odd(`a cookie: ${what}`, 'GET', [`cookie: flyroute=${value}`]),
    odd(`a header: ${what}`, 'GET', [`flyroute-token: ${value}`]),
    odd(`a cookie on a write: ${what}`, 'POST', [`cookie: a=b;; flyroute=${value}; flyroute`], '/write', 'x'),
  ]),
  odd('both carriers', 'GET', [
    `cookie: flyroute=${tokens['ahead of everything']}`,
    `flyroute-token: ${tokens['far future']}`,
  ]),
  odd('a thousand cookies', 'GET', [`cookie: ${'flyroute=1.x;'.repeat(1_000)}`]),
  odd('nothing but semicolons', 'GET', [`cookie: ${';'.repeat(15_000)}`]),
  odd('a cookie header of equals signs', 'GET', [`cookie: ${'='.repeat(15_000)}`]),
  odd(
    'twenty cookie headers',
    'GET',
    Array.from({ length: 20 }, (_, n) => `cookie: flyroute=1.${n}`),
  ),
  ...sources.flatMap((source, n) => [
    odd(`fly-replay-src ${n}`, 'GET', [`fly-replay-src: ${source}`]),
    odd(`fly-replay-src ${n} on a write`, 'POST', [`fly-replay-src: ${source}`], '/write', 'x'),
  ]),
  ...failures.flatMap((failure, n) => [
    odd(`fly-replay-failed ${n}`, 'GET', [`fly-replay-failed: ${failure}`], '/write'),
    odd(`fly-replay-failed ${n} on a write`, 'PUT', [`fly-replay-failed: ${failure}`], '/write', 'x'),
  ]),
  odd('every one of our headers', 'DELETE', [
    `fly-replay-src: ${sources[3]}`,
    `fly-replay-failed: ${failures[2]}`,
    'upgrade: x',
  ]),
  odd(
    'headers twice',
    'GET',
    [sources[2], sources[4]].map((source) => `fly-replay-src: ${source}`),
  ),
  odd('an answer’s headers', 'GET', ['fly-replay: region=ord', 'fly-replay-cache: /*', 'set-cookie: a=b']),
  ...['TRACE', 'QUERY', 'PROPFIND', 'LOCK', 'M-SEARCH', 'HEAD', 'OPTIONS', 'CONNECT', 'get', 'BREW'].map((method) =>
    odd(`the method ${method}`, method, []),
  ),
  ...[
    '/',
    '//',
    '/%00',
    '/%ff%fe',
    '/../..',
    '/?',
    `/${'a'.repeat(8_000)}`,
    '*',
    'http://evil.example/write',
    '/\u00e9',
    '/a b',
  ].map((path) => odd(`the path ${path.slice(0, 20)}`, 'GET', [], path)),
  ...[
    'upgrade: websocket',
    'upgrade: h2c',
    'expect: 100-continue',
    'expect: nothing',
    'te: trailers',
    'trailer: x',
  ].map((line) => odd(line, 'POST', [line, 'connection: upgrade'], '/write', 'x')),
  ...['localhost', 'localhost:x', '', 'evil.example\u00ff', `${'a'.repeat(5_000)}`, '[::1]', '127.0.0.1:1'].map(
    (host) =>
      odd(`the host ${host.slice(0, 20)}`, 'POST', [`x-forwarded-host: ${host}`, `fly-region: ${host}`], '/write', 'x'),
  ),
  ...['-1', '1e3', '0x10', '99999999999999999999', '1, 1', '', ' ', 'NaN'].map((length) => ({
    what: `content-length: ${length}`,
    bytes: `POST /write HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\nx`,
    aborts: true,
  })),
  {
    what: 'two lengths',
    bytes: 'POST /write HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  ...['zz\r\n', '-1\r\nx\r\n', '5\r\nab', 'FFFFFFFFFFFFFFFFF\r\n', '1\r\nx\r\n'].map((chunks) => ({
    what: `chunks: ${JSON.stringify(chunks)}`,
    bytes: `POST /write HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`,
    aborts: true,
  })),
  ...['gzip', 'chunked, chunked', 'identity', ', chunked'].map((coding) => ({
    ...odd(`transfer-encoding: ${coding}`, 'POST', [`transfer-encoding: ${coding}`], '/write'),
    aborts: true,
  })),
  ...[0, 1, 40, 100_000].map((sent) => ({
    what: `half a body: ${sent} of 200,000`,
    bytes: `POST /write HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n${'x'.repeat(sent)}`,
    aborts: true,
  })),
  ...['', 'G', 'GET', 'GET / HT', 'GET / HTTP/1.1\r\nhost', 'GET / HTTP/1.1\r\nhost: a\r\n'].map((bytes) => ({
    what: `half a head: ${JSON.stringify(bytes)}`,
    bytes,
    aborts: true,
  })),
  { what: 'no HTTP', bytes: '\u0016\u0003\u0001\u0002\u0000\r\n\r\n' },
  { what: 'the preface of HTTP/2', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  { what: 'HTTP/0.9', bytes: 'GET /\r\n\r\n' },
  { what: 'HTTP/3.7', bytes: 'GET / HTTP/3.7\r\nhost: a\r\n\r\n' },
  { what: 'HTTP/1.0 without a host', bytes: 'GET /read HTTP/1.0\r\n\r\n' },
  { what: 'no host', bytes: 'GET /read HTTP/1.1\r\n\r\n' },
  { what: 'a broken header', bytes: 'GET /read HTTP/1.1\r\nhost: a\r\n: x\r\nb ad: y\r\n\r\n' },
  { what: 'a header with a line break', bytes: 'GET /read HTTP/1.1\r\nhost: a\r\ncookie: flyroute=1.\n x\r\n\r\n' },
  {
    what: 'a header that is too long',
    bytes: `GET /read HTTP/1.1\r\nhost: a\r\ncookie: flyroute=1.${'A'.repeat(100_000)}\r\n\r\n`,
  },
  {
    what: 'too many headers',
    bytes: `GET /read HTTP/1.1\r\nhost: a\r\n${'a: b\r\n'.repeat(3_000)}connection: close\r\n\r\n`,
  },
  { what: 'a crowd in one packet', bytes: 'GET /write HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(50), aborts: true },
  {
    what: 'a crowd of writes',
    bytes: 'POST /write HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx'.repeat(50),
    aborts: true,
  },
  { ...odd('a client that is gone at once', 'GET', [], '/slow'), aborts: true },
  { ...odd('a client that is gone in the middle of a stream', 'GET', [], '/stream'), aborts: true },
  {
    ...odd('a client that is gone while its token is waited for', 'GET', [
      `cookie: flyroute=${tokens['primary for a while']}`,
    ]),
    aborts: true,
  },
]

let fly: Fly
beforeAll(async () => {
  fly = await regions.serve((pool) => replayable(handler(pool), { databases: [pool], debugHeader: true }))
})
afterAll(() => fly[Symbol.asyncDispose]())

function handler(pool: FlyroutePool) {
  return async (request: IncomingMessage, response: ServerResponse) => {
    let size = 0
    try {
      for await (const data of request) size += (data as Buffer).length
    } catch {
      return response.destroy()
    }
    if (request.url === '/write') await pool.query('insert into note (text) values ($1)', [String(size)])
    else if (request.url === '/slow') await pool.query('select pg_sleep(0.05)')
    else if (request.url === '/stream') return Readable.from(rows(pool)).pipe(response)
    else await pool.query('select count(*) from note')
    return response.end('ok')
  }
}

async function* rows(pool: FlyroutePool): AsyncGenerator<string> {
  for (let n = 0; n < 20; n++) {
    const { rows: found } = await pool.query('select pg_sleep(0.005), $1::int as n', [n])
    yield String((found[0] as { n: number }).n)
  }
}

/** Everything that comes back, until the server closes or has nothing more to say. */
async function exchange(region: Region, { bytes, aborts = false }: Odd): Promise<string> {
  using connection = new Connection(fly.port(region))
  connection.write(Buffer.from(bytes, 'latin1'))
  if (!aborts) return await connection.rest()
  await new Promise((resolve) => setTimeout(resolve, 10))
  connection.socket.destroy()
  return ''
}

test('there are more than two hundred of them', () => {
  expect(all.length).toBeGreaterThan(200)
})

// An error that nobody catches ends the process elsewhere; here jest has the test fail.
test('each gets an answer or the end of its connection, none a secret, none a loop, none an error of ours', async () => {
  const passwords = [regions.primary.url, regions.replica.url].map((url) => new URL(url).password)
  const statuses = new Map<string, number>()
  // A few at a time, as clients come.
  const queue = all.values()
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const one of queue) {
        const answer = await within(one.what, exchange('ams', one))
        const status = /^HTTP\/1\.1 ([2-5]\d+)/m.exec(answer)?.[1] ?? 'none'
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        expect([one.what, /^(none|200|204|400|404|405|409|413|414|417|426|431|501|503|505)$/.test(status)]).toEqual([
          one.what,
          true,
        ])
        if (status === '503')
          expect([one.what, answer]).toEqual([one.what, expect.stringContaining('ERR_REPLAY_UNAVAILABLE')])
        for (const secret of [...passwords, 'postgres://', 'insert into']) expect(answer).not.toContain(secret)
        const state = /fly-replay: region=ord;state=([^;]*)/i.exec(answer)?.[1]
        if (state === undefined) continue
        // On to the primary, as the proxy would: there it ends.
        const bytes = one.bytes.replace('\r\n', `\r\nfly-replay-src: instance=1;region=ams;t=1;state=${state}\r\n`)
        const there = await within(one.what, exchange('ord', { ...one, bytes }))
        expect([one.what, there]).toEqual([one.what, expect.not.stringMatching(/fly-replay: /i)])
        expect([one.what, /^HTTP\/1\.1 (200|503)/m.test(there)]).toEqual([one.what, true])
      }
    }),
  )
  expect([...statuses.keys()]).toEqual(expect.arrayContaining(['200', '409', '503', '400', '431', 'none']))
})

test('afterwards everything is as it was: connections, pools, the table', async () => {
  const answer = await fly.send('ams', 'GET', '/read')
  expect(answer).toMatchObject({ status: 200, body: 'ok', region: 'ams' })
  for (const region of ['ord', 'ams'] as const) {
    const pool = fly.pool(region)
    while (pool.totalCount !== pool.idleCount) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(pool.waitingCount).toBe(0)
  }
  expect(
    await regions.primary.query("select count(*) filter (where text !~ '^\\d+$')::int as strange from note"),
  ).toEqual([{ strange: 0 }])
})

test('a thousand forged tokens cost the primary next to nothing', async () => {
  const questions = async (): Promise<number> => {
    const [row] = await regions.primary.query<{ n: number }>(
      "select coalesce(sum(xact_commit), 0)::int as n from pg_stat_database where datname = 'app'",
    )
    return row?.n ?? 0
  }
  const before = await questions()
  using connection = new Connection(fly.port('ams'))
  const forged = `GET /read HTTP/1.1\r\nhost: a\r\nflyroute-token: ${tokens['ahead of everything']}\r\n\r\n`
  for (let n = 0; n < 20; n++) {
    connection.write(forged.repeat(50))
    for (let answer = 0; answer < 50; answer++) expect((await connection.answer()).status).toBe(409)
  }
  expect((await questions()) - before).toBeLessThan(20)
})

test.each([
  'postgres://user:hunter2@',
  'postgres://user:hunter2@host:99999/db',
  'postgres://user:hun ter2@@/x y',
  'mysql://user:hunter2@host/db',
  'hunter2',
  '://hunter2',
  `postgres://user:hunter2@${'a'.repeat(10_000)}`,
])('a wrong URL in the environment is an error without a secret in it (%#)', async (url) => {
  const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: url, DATABASE_URL_AMS: regions.replica.url }
  let seen = ''
  try {
    const pool = createPool({ env, connectionTimeoutMillis: 50 })
    await pool.query('select 1').catch((error: Error) => (seen += `${error.message} ${error.stack}`))
    await pool.end()
  } catch (error) {
    seen = `${(error as Error).stack} ${JSON.stringify(error)}`
    expect(error).toMatchObject({ code: 'ERR_CONFIGURATION' })
  }
  expect(seen).not.toContain('hunter2')
})

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no end`)), 10_000)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
