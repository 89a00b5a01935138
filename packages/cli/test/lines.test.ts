import type { Hop, JournalEntry } from '@flyroute/lab'
import { expect, test } from '@jest/globals'
import { outputLine, requestLine } from '../src/lab/lines.ts'

const hop = (region: string, more: Partial<Hop> = {}): Hop => ({
  kind: 'direct',
  app: 'app',
  region,
  machine: 'm',
  status: 200,
  replays: false,
  milliseconds: 1,
  ...more,
})
const entry = (more: Partial<JournalEntry>): JournalEntry => ({
  id: 'id',
  edge: 'ams',
  method: 'GET',
  path: '/posts',
  startedAt: new Date(0),
  hops: [hop('ams')],
  status: 200,
  error: undefined,
  milliseconds: 1.2,
  requestBytes: 0,
  responseBytes: 0,
  ...more,
})
const replayed = (why?: string): JournalEntry =>
  entry({
    method: 'POST',
    milliseconds: 97.4,
    hops: [
      hop('ams', { status: 409, replays: true, ...(why === undefined ? {} : { why }) }),
      hop('ord', { kind: 'replay' }),
    ],
  })

test.each<[JournalEntry, string]>([
  [entry({}), 'ams GET /posts → local 1 ms'],
  [replayed('flyroute:write:INSERT'), 'ams POST /posts → ord 97 ms (insert)'],
  [replayed('flyroute:method'), 'ams POST /posts → ord 97 ms (method)'],
  [replayed('captured_write'), 'ams POST /posts → ord 97 ms (captured_write)'],
  [replayed('region=ams; role=replica; reason=refused'), 'ams POST /posts → ord 97 ms (refused)'],
  [replayed(), 'ams POST /posts → ord 97 ms'],
  [entry({ status: 404 }), 'ams GET /posts → local 404 1 ms'],
  [entry({ hops: [hop('ord', { kind: 'cached' })] }), 'ams GET /posts → ord 1 ms (cached replay)'],
  [entry({ hops: [hop('ams', { kind: 'fallback' })] }), 'ams GET /posts → local 1 ms (back after a failed replay)'],
  [entry({ hops: [], status: 503, error: 'no_candidate' }), 'ams GET /posts → nobody 503 1 ms (no candidate)'],
  [entry({ status: undefined, error: 'client_aborted' }), 'ams GET /posts → local 1 ms (client aborted)'],
])('a request is one line', (what, line) => {
  expect(requestLine(what)).toBe(line)
})

test('a line of an app says where it comes from', () => {
  const line = { app: 'app', region: 'ams', machine: '1', stream: 'stdout', text: 'hello' } as const
  expect(outputLine(line)).toBe('ams │ hello')
  expect(outputLine({ ...line, machine: 'setup' })).toBe('setup │ hello')
})
