import { expect, test } from '@jest/globals'
import { readInstruction } from '../../src/proxy/read-instruction.ts'

const header = (value: string, more: Record<string, string> = {}): unknown =>
  readInstruction({ 'fly-replay': value, ...more }, '')
const json = (value: unknown): unknown =>
  readInstruction({ 'content-type': 'application/vnd.fly.replay+json; charset=utf-8' }, JSON.stringify(value))

test.each<[string, object]>([
  ['region=sjc', { regions: ['sjc'] }],
  ['region="iad,ord,us,na"', { regions: ['iad', 'ord', 'us', 'na'] }],
  ['region="sjc"', { regions: ['sjc'] }],
  ['instance=00bb33ff', { regions: [], instance: '00bb33ff' }],
  ['prefer_instance=00bb33ff', { regions: [], preferInstance: '00bb33ff' }],
  ['region="sjc,any";app=target-app', { regions: ['sjc', 'any'], app: 'target-app' }],
  [
    'app=my-worker;timeout=10s;fallback=force_self',
    { regions: [], app: 'my-worker', timeoutMs: 10_000, fallback: 'force_self' },
  ],
  ['timeout=800ms; fallback=prefer_self;', { regions: [], timeoutMs: 800, fallback: 'prefer_self' }],
  ['region=ord;state=a=b', { regions: ['ord'], state: 'a=b' }],
  ['region=ord;state=', { regions: ['ord'], state: '' }],
  ['elsewhere=true', { regions: [], elsewhere: true }],
])('the header %s', (value, expected) => {
  expect(header(value)).toEqual({ elsewhere: false, ...expected })
})

test.each<[string, RegExp]>([
  ['region=iad,ord', /a list of regions must be quoted/],
  ['region=', /region must be a string that is not empty/],
  ['region=ORD', /no region is called ORD/],
  ['region="ord,"', /no region is called ord,/],
  ['region="ord', /cannot be read at "region=\\"ord"/],
  ['region=ord;region=ams', /has region twice/],
  ['ord', /cannot be read at "ord"/],
  ['region=ord;colour=red', /no field colour/],
  ['region=ord;transform=x', /no field transform/],
  ['region=ord;timeout=10', /timeout must look like 10s or 800ms/],
  ['region=ord;timeout=1.5s', /timeout must look like/],
  ['region=ord;fallback=self', /fallback must be force_self or prefer_self/],
  ['elsewhere=yes', /elsewhere must be true or false/],
  ['instance=a;prefer_instance=b', /exclude each other/],
])('the header %s is an error', (value, message) => {
  expect(() => header(value)).toThrow(message)
})

test('the JSON form', () => {
  const transform = { path: '/new?a=1', delete_headers: ['cookie'], set_headers: [{ name: 'x', value: 'y' }] }
  expect(
    json({
      app: 'target-app',
      region: 'iad,us',
      state: 's',
      elsewhere: true,
      timeout: '2s',
      fallback: 'force_self',
      transform,
    }),
  ).toEqual({
    regions: ['iad', 'us'],
    app: 'target-app',
    state: 's',
    elsewhere: true,
    timeoutMs: 2_000,
    fallback: 'force_self',
    transform: { path: '/new?a=1', deleteHeaders: ['cookie'], setHeaders: [{ name: 'x', value: 'y' }] },
  })
  expect(json({ transform: {} })).toMatchObject({ transform: { deleteHeaders: [], setHeaders: [] } })
})

test.each<[unknown, RegExp]>([
  [[], /not a JSON object/],
  [null, /not a JSON object/],
  [{ regions: 'ord' }, /no field regions/],
  [{ region: ['ord'] }, /region must be a string/],
  [{ transform: { path: 'x' } }, /transform must have/],
  [{ transform: { set_headers: { x: 'y' } } }, /transform must have/],
  [{ transform: { delete_headers: [1] } }, /transform must have/],
])('the JSON %j is an error', (value, message) => {
  expect(() => json(value)).toThrow(message)
})

test('a replay for the cache, in both forms', () => {
  const cache = { prefix: '/some/path/*', ttlSeconds: 60, allowBypass: true }
  const headers = {
    'fly-replay-cache': '/some/path/*',
    'fly-replay-cache-ttl-secs': '60',
    'fly-replay-cache-allow-bypass': 'yes',
  }
  expect(header('app=a', headers)).toMatchObject({ cache })
  expect(json({ app: 'a', cache: { prefix: '/some/path/*', ttl: 60, allow_bypass: true } })).toMatchObject({ cache })
  expect(json({ app: 'a', cache: { prefix: '/some/path/*', ttl: 60 }, allow_bypass: true })).toMatchObject({ cache })
  expect(header('app=a', { 'fly-replay-cache': 'invalidate' })).toMatchObject({ cache: 'invalidate' })
  expect(json({ app: 'a', cache: { invalidate: true } })).toMatchObject({ cache: 'invalidate' })
})

test.each<[string, Record<string, string>, RegExp]>([
  ['region=ord', { 'fly-replay-cache-ttl-secs': '9' }, /10 seconds at least, not 9/],
  ['region=ord', {}, /10 seconds at least, not NaN/],
  ['region=ord', { 'fly-replay-cache': 'path', 'fly-replay-cache-ttl-secs': '10' }, /not path/],
  ['region=ord', { 'fly-replay-cache': 'example.com:80/*' }, /cached for a path/],
  ['region=ord;state=s', { 'fly-replay-cache-ttl-secs': '10' }, /cannot have state/],
  ['region=ord;timeout=1s;fallback=force_self', { 'fly-replay-cache-ttl-secs': '10' }, /cannot have timeout, fallback/],
])('%s with %j is not for the cache', (value, headers, message) => {
  const given = { 'fly-replay-cache': '/path/*', ...headers }
  expect(() => header(value, given)).toThrow(message)
})
