import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type Lab, startLab } from '../../src/index.ts'
import { answer, eventually, fixtureApp, replay, type Told } from '../support.ts'

const megabyte = 1024 * 1024
let lab: Lab
const output: string[] = []

beforeAll(async () => {
  lab = await startLab({
    regions: ['ord', 'ams'],
    command: fixtureApp,
    database: 'none',
    rtt: { 'ord-ams': 40 },
    output: ({ region, text }) => output.push(`${region} ${text}`),
  })
})
afterAll(() => lab.dispose())
beforeEach(() => lab.journal.clear())

/** Sends pieces without saying how many bytes will come, with a pause between them. */
async function sendChunked(headers: Record<string, string>, pieces: Buffer[]): Promise<Response> {
  const body = new ReadableStream({
    async pull(controller) {
      const piece = pieces.shift()
      if (piece) controller.enqueue(piece)
      else controller.close()
    },
  })
  return lab.fetch('ams', '/', { method: 'POST', headers, body, duplex: 'half' } as RequestInit)
}

test.each([
  ['a late answer', { late: true }],
  ['an early answer, which does not wait for the body', {}],
])('a body of 1 MB is replayed, with or without a length: %s', async (_, extra) => {
  const headers = answer('ams', { headers: { 'fly-replay': 'region=ord' }, ...extra })
  const whole = await lab.fetch('ams', '/', { method: 'POST', headers, body: Buffer.alloc(megabyte, 'a') })
  expect(await whole.json()).toMatchObject({ region: 'ord', bytes: megabyte })
  const half = Buffer.alloc(megabyte / 2, 'a')
  const chunked = await sendChunked(headers, [half, half])
  expect(await chunked.json()).toMatchObject({ region: 'ord', bytes: megabyte })
})

test('a larger body is not replayed', async () => {
  const body = Buffer.alloc(megabyte + 1, 'a')
  const declared = await lab.fetch('ams', '/', { method: 'POST', headers: replay('ams', 'region=ord'), body })
  expect([declared.status, declared.headers.get('flyroute-lab-error')]).toEqual([502, 'body_too_large'])
  const half = Buffer.alloc(megabyte * 0.75, 'a')
  const chunked = await sendChunked(replay('ams', 'region=ord'), [half, half])
  expect([chunked.status, chunked.headers.get('flyroute-lab-error')]).toEqual([502, 'body_too_large'])
  expect(lab.journal.entries[1]?.hops.map((hop) => hop.region)).toEqual(['ams'])
})

test('a larger body reaches a Machine directly, also in another region, and after one that refuses', async () => {
  const body = Buffer.alloc(3 * megabyte, 'a')
  const post = async (headers: Record<string, string>): Promise<Told> =>
    (await lab.fetch('ams', '/', { method: 'POST', headers, body })).json() as Promise<Told>
  expect(await post({})).toMatchObject({ region: 'ams', bytes: 3 * megabyte })
  expect(await post({ 'fly-prefer-region': 'ord' })).toMatchObject({ region: 'ord', bytes: 3 * megabyte })
  await lab.kill('ord', { noticed: false })
  expect(await post({ 'fly-prefer-region': 'ord' })).toMatchObject({ region: 'ams', bytes: 3 * megabyte })
  await lab.restart('ord')
})

test('request and answer stream both ways at once, a way of the ocean each', async () => {
  const sent = httpRequest(`${lab.url('ams')}/duplex`, { method: 'POST', headers: { 'fly-force-region': 'ord' } })
  sent.flushHeaders()
  const [received] = (await once(sent, 'response')) as [IncomingMessage]
  for (const text of ['one', 'two', 'three']) {
    const start = performance.now()
    sent.write(text)
    expect(String((await once(received, 'data'))[0])).toBe(text)
    expect(performance.now() - start).toBeGreaterThanOrEqual(39)
  }
  sent.end()
  await once(received.resume(), 'end')
})

test.each(['ams', 'ord'])('when a client hangs up, the app in %s hears of it', async (region) => {
  output.length = 0
  const client = new AbortController()
  const response = lab.fetch('ams', '/hang', { headers: { 'fly-force-region': region }, signal: client.signal })
  await eventually('the app has the request', () => output.includes(`${region} hangs`))
  client.abort()
  await expect(response).rejects.toThrow(/abort/)
  await eventually('the app knows', () => output.includes(`${region} hung up`))
  await eventually('the journal knows', () => lab.journal.entries.length === 1)
  expect(lab.journal.entries[0]).toMatchObject({ status: undefined, error: 'client_aborted' })
})

test('connections to the app are kept, and given up while they are idle', async () => {
  const connection = async (): Promise<number> => ((await (await lab.fetch('ams', '/')).json()) as Told).connection
  const first = await connection()
  expect(await connection()).toBe(first)
  await sleep(1_100)
  expect(await connection()).not.toBe(first)
})

test.each([
  ['stays where it is accepted', {}, /^ams \n/],
  [
    'is replayed to where it will be',
    replay('ams', 'region=ord;state=socket'),
    /^ord instance=\w+;region=ams;t=\d+;state=socket\n/,
  ],
])('an upgrade %s', async (_, headers, greeting) => {
  const sent = httpRequest(lab.url('ams'), { headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' } })
  sent.end()
  const [received, socket, head] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket, Buffer]
  let text = head.toString()
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  expect([received.statusCode, received.headers.upgrade]).toEqual([101, 'websocket'])
  socket.write('ping')
  await eventually('the echo is there', () => text.endsWith('ping'))
  expect(text).toMatch(greeting)
  socket.end()
  await once(socket, 'close')
  await eventually('the journal knows', () => lab.journal.entries.length === 1)
  expect(lab.journal.entries[0]).toMatchObject({ status: 101, error: undefined })
})

test('an upgrade that nobody can take ends in an error', async () => {
  const headers = { 'fly-force-region': 'syd', connection: 'Upgrade', upgrade: 'websocket' }
  const sent = httpRequest(lab.url('ams'), { headers })
  sent.end()
  const [received] = (await once(sent, 'response')) as [IncomingMessage]
  expect([received.statusCode, received.headers['flyroute-lab-error']]).toEqual([503, 'no_candidate'])
})

test.each([
  ['no HTTP at all', '\u0016\u0003\u0001\u0002\u0000', /^HTTP\/1.1 400 /],
  ['headers without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}`, /^HTTP\/1.1 431 /],
  ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', /^HTTP\/1.1 400 /],
  ['half a body', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf', /^$/],
  [
    'half a body, to be replayed',
    `POST / HTTP/1.1\r\nhost: x\r\nx-in-ams: ${replay('ams', 'region=ord')['x-in-ams']}\r\ncontent-length: 10\r\n\r\nhalf`,
    /^$/,
  ],
  [
    'half an upgrade',
    'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    /^(HTTP\/1.1 101 [^]*)?$/,
  ],
])('%s does no harm', async (_, bytes, expected) => {
  const socket = connect(Number(new URL(lab.url('ams')).port), '127.0.0.1')
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  socket.on('error', () => {})
  socket.write(bytes)
  await Promise.race([once(socket, 'close'), sleep(100)])
  socket.destroy()
  expect(text).toMatch(expected)
  expect(((await (await lab.fetch('ams', '/')).json()) as Told).region).toBe('ams')
})
