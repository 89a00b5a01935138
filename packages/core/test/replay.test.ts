import { createServer } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createEndpoint } from '../src/endpoint.ts'
import { PrimaryRequiredError, ReplayUnavailableError } from '../src/errors.ts'
import { type ReplayResponseOptions, replayResponse } from '../src/replay/response.ts'
import type { ReplayTarget } from '../src/replay/target.ts'
import { createTopology } from '../src/topology/topology.ts'

const primary = createEndpoint({ source: 'DATABASE_URL' })
const local = createEndpoint({ source: 'DATABASE_URL_AMS' })
const topology = createTopology({ region: 'ams', primaryRegion: 'ord', role: 'replica', primary, local })
const header = (target: ReplayTarget, options?: ReplayResponseOptions) =>
  replayResponse(target, options).headers['fly-replay']
const json = (target: ReplayTarget, options?: ReplayResponseOptions) =>
  JSON.parse(replayResponse(target, { format: 'json', ...options }).body)

describe('whom it takes', () => {
  test('an error, what wraps one, a topology, a target', () => {
    const error = new PrimaryRequiredError({ reason: 'write', topology })
    expect(replayResponse(error).headers['fly-replay']).toBe('region=ord')
    const wrapped = new Error('Failed query', { cause: error })
    expect(replayResponse(wrapped as PrimaryRequiredError).headers['fly-replay']).toBe('region=ord')
    expect(replayResponse(topology).headers['fly-replay']).toBe('region=ord')
    expect(header({ region: 'ord' })).toBe('region=ord')
    const machine = new PrimaryRequiredError({ reason: 'write', topology, target: { instance: '148e306c77e089' } })
    expect(replayResponse(machine).headers['fly-replay']).toBe('instance=148e306c77e089')
  })

  test.each([
    ['another error', new Error('boom'), /throw other errors on/],
    ['another error of ours', new ReplayUnavailableError('loop'), /throw other errors on/],
    ['nothing', undefined, /no PrimaryRequiredError, topology or target/],
    ['null', null, /no PrimaryRequiredError/],
    ['text', 'ord', /no PrimaryRequiredError/],
    ['a list', ['ord'], /no PrimaryRequiredError/],
    ['an empty target', {}, /target is empty/],
    ['a target of undefined fields', { region: undefined }, /target is empty/],
    [
      'a topology without a primary region',
      createTopology({ region: undefined, primaryRegion: undefined, role: 'primary', primary, local: primary }),
      /PRIMARY_REGION/,
    ],
  ])('not %s', (_, to, message) => {
    expect(() => replayResponse(to as ReplayTarget)).toThrow(TypeError)
    expect(() => replayResponse(to as ReplayTarget)).toThrow(message)
  })
})

describe('the header form', () => {
  test.each<[ReplayTarget, ReplayResponseOptions, string]>([
    [{ region: 'ord' }, {}, 'region=ord'],
    [{ region: 'ORD' }, {}, 'region=ord'],
    [{ region: ['ord'] }, {}, 'region=ord'],
    [{ region: ['iad', 'ord', 'any'] }, {}, 'region="iad,ord,any"'],
    [{ region: ['iad', 'iad', 'ord'] }, {}, 'region="iad,ord"'],
    [{ region: 'any' }, {}, 'region=any'],
    [{ region: ['apac', 'eu', 'na', 'sa', 'us', 'usa', 'any'] }, {}, 'region="apac,eu,na,sa,us,usa,any"'],
    [{ region: 'xyz' }, {}, 'region=xyz'], // codes come and go
    [{ instance: '00bb33ff' }, {}, 'instance=00bb33ff'],
    [{ preferInstance: '00bb33ff', region: 'ord' }, {}, 'region=ord;prefer_instance=00bb33ff'],
    [{ app: 'target-app' }, {}, 'app=target-app'],
    [{ region: ['sjc', 'any'], app: 'target-app' }, {}, 'region="sjc,any";app=target-app'],
    [{ region: 'ord' }, { state: 'v1.abc=~/+' }, 'region=ord;state=v1.abc=~/+'],
    [{ region: 'ord' }, { state: 'two words' }, 'region=ord;state=two words'],
    [{}, { elsewhere: true }, 'elsewhere=true'],
    [{ region: 'ord' }, { elsewhere: true }, 'region=ord;elsewhere=true'],
    [{ region: 'ord' }, { elsewhere: false }, 'region=ord'],
    [{ region: 'ord' }, { timeoutMs: 800 }, 'region=ord;timeout=800ms'],
    [
      { app: 'my-worker' },
      { timeoutMs: 10_000, fallback: 'force_self' },
      'app=my-worker;timeout=10000ms;fallback=force_self',
    ],
    [{ region: 'ord' }, { fallback: 'prefer_self' }, 'region=ord;fallback=prefer_self'],
    [
      { region: 'ord', instance: 'a1', app: 'b' },
      { state: 's', elsewhere: true, timeoutMs: 1, fallback: 'force_self' },
      'region=ord;instance=a1;app=b;state=s;elsewhere=true;timeout=1ms;fallback=force_self',
    ],
  ])('%j with %j is %s', (target, options, expected) => {
    expect(header(target, options)).toBe(expected)
  })

  test('is a 409 that nobody stores, with a line for whoever sees it', () => {
    const { status, headers, body } = replayResponse({ region: 'ord' })
    expect(status).toBe(409)
    expect(headers).toEqual({
      'fly-replay': 'region=ord',
      'cache-control': 'no-store',
      'content-type': 'text/plain; charset=utf-8',
    })
    expect(body).toContain('region=ord')
  })

  test('takes another status and further headers, names in lower case', () => {
    const answer = replayResponse({ region: 'ord' }, { status: 202, headers: { 'X-Request-Id': 'a b', vary: '' } })
    expect(answer.status).toBe(202)
    expect(answer.headers).toMatchObject({ 'x-request-id': 'a b', vary: '', 'fly-replay': 'region=ord' })
  })
})

describe('the JSON form', () => {
  test('has the same fields, and a list of regions as one text', () => {
    const target = { region: ['iad', 'us'], preferInstance: 'a1', app: 'b' }
    const options = { state: 's', elsewhere: true, timeoutMs: 10_000, fallback: 'force_self' } as const
    const answer = replayResponse(target, { ...options, format: 'json' })
    expect(answer.headers).toEqual({
      'content-type': 'application/vnd.fly.replay+json',
      'cache-control': 'no-store',
    })
    expect(JSON.parse(answer.body)).toEqual({
      region: 'iad,us',
      prefer_instance: 'a1',
      app: 'b',
      state: 's',
      elsewhere: true,
      timeout: '10000ms',
      fallback: 'force_self',
    })
  })

  test('is chosen by itself where a transform needs it', () => {
    const transform = {
      path: '/new/path?param=value',
      deleteHeaders: ['x-unwanted-header', 'cookie'],
      setHeaders: { 'x-custom-header': 'new-value', authorization: 'Bearer token123' },
    }
    const answer = replayResponse({ app: 'target-app', region: ['iad', 'us'] }, { transform })
    expect(answer.headers['fly-replay']).toBeUndefined()
    expect(JSON.parse(answer.body)).toEqual({
      app: 'target-app',
      region: 'iad,us',
      transform: {
        path: '/new/path?param=value',
        delete_headers: ['x-unwanted-header', 'cookie'],
        set_headers: [
          { name: 'x-custom-header', value: 'new-value' },
          { name: 'authorization', value: 'Bearer token123' },
        ],
      },
    })
    expect(json({ region: 'ord' }, { transform: { path: '/' } })).toEqual({ region: 'ord', transform: { path: '/' } })
  })
})

describe('the replay cache', () => {
  test('for a path, in both forms', () => {
    const cache = { prefix: '/some/path/*', ttlSeconds: 60 }
    expect(replayResponse({ app: 'b' }, { cache }).headers).toMatchObject({
      'fly-replay': 'app=b',
      'fly-replay-cache': '/some/path/*',
      'fly-replay-cache-ttl-secs': '60',
    })
    expect(replayResponse({ app: 'b' }, { cache }).headers).not.toHaveProperty('fly-replay-cache-allow-bypass')
    expect(json({ app: 'b' }, { cache })).toEqual({ app: 'b', cache: { prefix: '/some/path/*', ttl: 60 } })
  })

  test('with a domain, and a way past it', () => {
    const cache = { prefix: 'example.com/a/*', ttlSeconds: 10, allowBypass: true }
    expect(replayResponse({ app: 'b' }, { cache }).headers).toMatchObject({
      'fly-replay-cache': 'example.com/a/*',
      'fly-replay-cache-allow-bypass': 'yes',
    })
    expect(json({ app: 'b' }, { cache })).toMatchObject({ allow_bypass: true, cache: { allow_bypass: true } })
  })

  test('forgets, and may carry a state then', () => {
    const options = { cache: { invalidate: true }, state: 's' } as const
    expect(replayResponse({ app: 'b' }, options).headers).toMatchObject({
      'fly-replay': 'app=b;state=s',
      'fly-replay-cache': 'invalidate',
    })
    expect(json({ app: 'b' }, options)).toEqual({ app: 'b', state: 's', cache: { invalidate: true } })
  })
})

describe('what is impossible, or could break a header, is a TypeError', () => {
  const cache = { prefix: '/a/*', ttlSeconds: 60 }
  const injections = [
    'a;b',
    'a"b',
    "a'b",
    'a\\b',
    'a,b',
    'a\r\nset-cookie: x',
    'a\nb',
    'a\0b',
    'a\tb',
    'ä',
    '\u{1F600}',
    '',
    ' a',
    'a ',
  ]

  test.each<[string, unknown, unknown, RegExp]>([
    ['instance and preferInstance', { instance: 'a', preferInstance: 'b' }, {}, /exclude each other/],
    ['an empty list of regions', { region: [] }, {}, /empty list/],
    ['a list that is not an array', { region: 'iad,ord' }, {}, /array of those/],
    ['a list that is quoted already', { region: '"iad,ord"' }, {}, /array of those/],
    ['an unknown alias', { region: 'europe' }, {}, /three-letter code/],
    ['an empty region', { region: '' }, {}, /three-letter code/],
    ['a region of another type', { region: 1 }, {}, /three-letter code/],
    ['a list with something else in it', { region: ['ord', null] }, {}, /three-letter code/],
    ['a nested list', { region: [['ord']] }, {}, /three-letter code/],
    ['an instance of another type', { instance: 1 }, {}, /instance has to be/],
    ['an elsewhere of another type', { region: 'ord' }, { elsewhere: 'true' }, /elsewhere has to be a boolean/],
    ['only a state', {}, { state: 's' }, /target is empty/],
    ['elsewhere: false alone', {}, { elsewhere: false }, /target is empty/],
    ['a state of another type', { region: 'ord' }, { state: 1 }, /state has to be/],
    ['an unknown fallback', { region: 'ord' }, { fallback: 'self' }, /fallback has to be/],
    ['an unknown format', { region: 'ord' }, { format: 'xml' }, /format has to be/],
    [
      'a transform in a header',
      { region: 'ord' },
      { format: 'header', transform: { path: '/' } },
      /needs format 'json'/,
    ],
    ['an empty transform', { region: 'ord' }, { transform: {} }, /transform is empty/],
    ['a transform of another type', { region: 'ord' }, { transform: 'x' }, /transform has to be an object/],
    ['a relative path', { region: 'ord' }, { transform: { path: 'x' } }, /begin with \//],
    ['a path with a fragment', { region: 'ord' }, { transform: { path: '/x#y' } }, /begin with \//],
    ['a path with a space', { region: 'ord' }, { transform: { path: '/x y' } }, /percent-encoded/],
    ['deleteHeaders as text', { region: 'ord' }, { transform: { deleteHeaders: 'cookie' } }, /array of header names/],
    ['an impossible header name', { region: 'ord' }, { transform: { deleteHeaders: ['a:b'] } }, /header names/],
    ['an impossible header value', { region: 'ord' }, { transform: { setHeaders: { a: 'b\r\nc: d' } } }, /line breaks/],
    ['setHeaders as a list', { region: 'ord' }, { transform: { setHeaders: [{ name: 'a' }] } }, /has to be an object/],
    ['cache and state', { region: 'ord' }, { cache, state: 's' }, /cached replay excludes state/],
    ['cache and timeout', { region: 'ord' }, { cache, timeoutMs: 1 }, /cached replay excludes timeoutMs/],
    ['cache and fallback', { region: 'ord' }, { cache, fallback: 'force_self' }, /cached replay excludes fallback/],
    ['cache and transform', { region: 'ord' }, { cache, transform: { path: '/' } }, /cached replay excludes transform/],
    ['a cache of another type', { region: 'ord' }, { cache: '/a/*' }, /cache has to be an object/],
    ['a short time', { region: 'ord' }, { cache: { ...cache, ttlSeconds: 9 } }, /at least 10/],
    ['a fraction of a second', { region: 'ord' }, { cache: { ...cache, ttlSeconds: 10.5 } }, /whole number/],
    ['no time', { region: 'ord' }, { cache: { prefix: '/a' } }, /ttlSeconds/],
    ['no path', { region: 'ord' }, { cache: { ttlSeconds: 60 } }, /cache.prefix/],
    ['a path without slash', { region: 'ord' }, { cache: { ...cache, prefix: 'invalidate' } }, /cache.prefix/],
    ['a domain with a port', { region: 'ord' }, { cache: { ...cache, prefix: 'example.com:80/a' } }, /cache.prefix/],
    ['a path with a line break', { region: 'ord' }, { cache: { ...cache, prefix: '/a\r\nb: c' } }, /cache.prefix/],
    ['a bypass of another type', { region: 'ord' }, { cache: { ...cache, allowBypass: 'yes' } }, /allowBypass/],
    ['to cache and to forget', { region: 'ord' }, { cache: { ...cache, invalidate: true } }, /invalidate excludes/],
    ['not to forget', { region: 'ord' }, { cache: { invalidate: false } }, /invalidate has to be true/],
    ['a status that is none', { region: 'ord' }, { status: 99 }, /status/],
    ['a status without a body', { region: 'ord' }, { status: 204 }, /status/],
    ['a status of another type', { region: 'ord' }, { status: '409' }, /status/],
    ['a header with a line break', { region: 'ord' }, { headers: { a: 'b\nc' } }, /HTTP does not allow/],
    ['a header without a name', { region: 'ord' }, { headers: { '': 'b' } }, /HTTP does not allow/],
    ['a header of another type', { region: 'ord' }, { headers: { a: 1 } }, /HTTP does not allow/],
    ['headers as a list', { region: 'ord' }, { headers: [['a', 'b']] }, /headers has to be an object/],
    ['our own header', { region: 'ord' }, { headers: { 'Fly-Replay': 'region=iad' } }, /sets itself/],
    ["the cache's header", { region: 'ord' }, { headers: { 'fly-replay-cache': '/' } }, /sets itself/],
    ['the length of a body', { region: 'ord' }, { headers: { 'content-length': '1' } }, /sets itself/],
    ['options of another type', { region: 'ord' }, 'x', /options have to be an object/],
    ['null options', { region: 'ord' }, null, /options have to be an object/],
    ...['app', 'instance', 'preferInstance', 'region'].flatMap((field) =>
      injections.map((value): [string, unknown, unknown, RegExp] => [
        `${field} ${JSON.stringify(value)}`,
        { [field]: value },
        {},
        new RegExp(`${field} has to be`),
      ]),
    ),
    ...injections.map((state): [string, unknown, unknown, RegExp] => [
      `state ${JSON.stringify(state)}`,
      { region: 'ord' },
      { state },
      /state has to be/,
    ]),
    ...[
      0,
      -1,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1e21,
      '0s',
      '10',
      '10m',
      '1.5s',
      '10 s',
      '',
      's',
      '10s;x',
      '-1s',
      null,
      true,
    ].map((timeoutMs): [string, unknown, unknown, RegExp] => [
      `timeoutMs ${String(timeoutMs)}`,
      { region: 'ord' },
      { timeoutMs },
      /timeoutMs has to be/,
    ]),
  ])('%s', (_, target, options, message) => {
    const call = () => replayResponse(target as ReplayTarget, options as ReplayResponseOptions)
    expect(call).toThrow(TypeError)
    expect(call).toThrow(message)
  })

  test('all problems are named at once, and no value: a state may be a secret', () => {
    const call = () =>
      replayResponse(
        { region: [], instance: 'a', preferInstance: 'b' },
        { state: 's3cret;', timeoutMs: 0, status: 1, headers: { 'fly-replay': 'x' } },
      )
    expect(call).toThrow(/empty list.*exclude each other.*state.*timeout.*status.*headers/)
    expect(call).not.toThrow(/s3cret/)
  })
})

describe('round trips', () => {
  const region = fc.constantFrom('ord', 'ams', 'gru', 'xyz', 'any', 'eu', 'apac')
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/)
  const state = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/).filter((text) => !/[;,"'`\\]/.test(text))
  const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
  const call = fc.record({
    region: fc.oneof(region, fc.uniqueArray(region, { minLength: 1 })),
    instance: option(name),
    app: option(name),
    state: option(state),
    elsewhere: option(fc.boolean()),
    timeoutMs: option(fc.integer({ min: 1, max: 60_000 })),
    fallback: option(fc.constantFrom('force_self' as const, 'prefer_self' as const)),
  })

  test('both forms say what was asked for, and nothing else', () => {
    fc.assert(
      fc.property(call, ({ region, instance, app, ...options }) => {
        const target = { region, instance, app }
        const expected = Object.fromEntries(
          Object.entries({
            region: [region].flat().join(),
            instance,
            app,
            state: options.state,
            elsewhere: options.elsewhere ? 'true' : undefined,
            timeout: options.timeoutMs === undefined ? undefined : `${options.timeoutMs}ms`,
            fallback: options.fallback,
          }).filter(([, value]) => value !== undefined),
        )
        expect(parseHeader(header(target, options) ?? '')).toEqual(expected)
        const inJson = json(target, options)
        if (inJson.elsewhere === true) inJson.elsewhere = 'true'
        expect(inJson).toEqual(expected)
      }),
    )
  })

  test('whatever it is handed, it throws a TypeError or gives headers that HTTP can carry', () => {
    const any = fc.anything()
    const text = fc.oneof(fc.string({ unit: 'binary' }), any)
    const options = fc.record(
      {
        state: text,
        elsewhere: any,
        timeoutMs: text,
        fallback: text,
        transform: any,
        cache: any,
        format: text,
        status: any,
        headers: fc.dictionary(fc.string(), text),
      },
      { requiredKeys: [] },
    )
    const target = fc.record({ region: text, instance: text, preferInstance: text, app: text }, { requiredKeys: [] })
    fc.assert(
      fc.property(target, options, (to, more) => {
        let answer: ReturnType<typeof replayResponse>
        try {
          answer = replayResponse(to as ReplayTarget, more as ReplayResponseOptions)
        } catch (error) {
          return error instanceof TypeError
        }
        return new Response(answer.body, answer).status === answer.status
      }),
    )
  })
})

test('is an answer as Fetch and Node take it', async () => {
  const answer = replayResponse({ region: ['ord', 'any'] }, { state: 's' })
  const response = new Response(answer.body, answer)
  expect(response.status).toBe(409)
  expect(response.headers.get('fly-replay')).toBe('region="ord,any";state=s')

  const server = createServer((_, res) => {
    const { status, headers, body } = answer
    res.writeHead(status, headers).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as { port: number }
    const received = await fetch(`http://127.0.0.1:${port}/`)
    expect(received.status).toBe(409)
    expect(received.headers.get('fly-replay')).toBe('region="ord,any";state=s')
    expect(await received.text()).toBe(answer.body)
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

/** The header's fields, read without any of our own code: `name=value`, values quoted or not, joined by semicolons. */
function parseHeader(text: string): Record<string, string> {
  const fields: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const match = /^([a-z_]+)=(?:"([^"]*)"|([^;",]*))(?:;|$)/.exec(rest)
    if (match === null) throw new Error(`not a field: ${rest}`)
    fields[match[1] ?? ''] = match[2] ?? match[3] ?? ''
    rest = rest.slice(match[0].length)
  }
  return fields
}
