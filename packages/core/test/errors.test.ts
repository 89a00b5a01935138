import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createEndpoint } from '../src/endpoint.ts'
import { findPrimaryRequired, findReplayUnavailable, isPrimaryRequired } from '../src/errors/find.ts'
import type * as errors from '../src/errors.ts'
import {
  ConfigurationError,
  FlyrouteError,
  type FlyrouteErrorCode,
  PrimaryRequiredError,
  type PrimaryRequiredOptions,
  ReplayUnavailableError,
  type ReplayUnavailableReason,
} from '../src/errors.ts'
import { replayResponse } from '../src/replay/response.ts'
import { createRequestState } from '../src/request/state.ts'
import { createTopology } from '../src/topology/topology.ts'
import { processorMs } from './support/processor.ts'

const password = 'correct-horse-battery-staple'
const primary = createEndpoint({ source: 'DATABASE_URL', url: `postgres://u:${password}@h/d`, password, host: 'h' })
const topology = createTopology({
  region: 'ams',
  primaryRegion: 'ord',
  role: 'replica',
  primary,
  local: createEndpoint({ source: 'DATABASE_URL_AMS', url: `postgres://u:${password}@r/d`, password, host: 'r' }),
})
const offFly = createTopology({ region: undefined, primaryRegion: undefined, role: 'replica', primary, local: primary })
const write = (more: Partial<PrimaryRequiredOptions> = {}) =>
  new PrimaryRequiredError({ reason: 'write', topology, ...more })

const unavailableReasons = Object.keys({
  'body-too-large': 0,
  upgrade: 0,
  'response-begun': 0,
  'replay-failed': 0,
  loop: 0,
  'already-written': 0,
  'outside-request': 0,
  'no-connection': 0,
  'no-primary': 0,
  'stale-primary': 0,
  'two-primaries': 0,
} satisfies Record<ReplayUnavailableReason, 0>) as ReplayUnavailableReason[]

const samples: FlyrouteError[] = [
  new ConfigurationError([{ setting: 'PRIMARY_REGION', message: 'is not set', remedy: 'set it' }]),
  write(),
  new ReplayUnavailableError('loop'),
]

describe.each(samples.map((error) => [error.code, error] as const))('%s', (code, error) => {
  test('is an Error with its code first in the message, and its own name in the stack', () => {
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(FlyrouteError)
    expect(error.message.startsWith(`[${code}] `)).toBe(true)
    expect(error.name).toBe(error.constructor.name)
    expect(error.stack?.split('\n')[0]).toBe(`${error.name}: ${error.message.split('\n')[0]}`)
  })

  test('says what happened; what to do', () => {
    expect(error.message).toMatch(/^\[[A-Z_]+\] [^;]+; \S/)
  })

  test('has a heading in docs/errors.md', () => {
    expect(errorDocs()).toContain(`\n## ${code}\n`)
  })

  test('goes into a log without stack and cause', () => {
    const json = JSON.parse(JSON.stringify(error))
    expect(json).toMatchObject({ name: error.name, code, message: error.message })
    expect(json).not.toHaveProperty('stack')
    expect(json).not.toHaveProperty('cause')
  })

  test('has no cause where it was given none', () => {
    expect('cause' in error).toBe(false)
  })
})

test('the union of codes narrows under switch', () => {
  const describeError = (error: ConfigurationError | PrimaryRequiredError | ReplayUnavailableError): string => {
    switch (error.code) {
      case 'ERR_CONFIGURATION':
        return error.problems.map(({ setting }) => setting).join()
      case 'ERR_PRIMARY_REQUIRED':
        return `${error.reason} ${error.topology.region}`
      case 'ERR_REPLAY_UNAVAILABLE':
        return `${error.retryAfterSeconds}`
      default: {
        const never: never = error
        return never satisfies FlyrouteErrorCode
      }
    }
  }
  expect(describeError(write())).toBe('write ams')
  expect(describeError(new ReplayUnavailableError('loop', { retryAfterSeconds: 3 }))).toBe('3')
})

describe('ConfigurationError', () => {
  test('tells one problem in one line, several in a list', () => {
    const problem = { setting: 'A', message: 'is not set', remedy: 'set it' }
    expect(new ConfigurationError([problem]).message).toBe('[ERR_CONFIGURATION] A is not set; set it')
    const two = new ConfigurationError([problem, { ...problem, setting: 'B' }])
    expect(two.message).toBe(
      '[ERR_CONFIGURATION] the configuration has problems:\n  - A is not set; set it\n  - B is not set; set it',
    )
    expect(two.problems).toHaveLength(2)
  })
})

describe('PrimaryRequiredError', () => {
  test.each([
    ['write', 'insert', /a statement that writes \(insert\) reached a replica \(region ams\)/],
    ['refused', '25006', /a replica \(region ams\) refused a statement \(25006\)/],
    ['stale', undefined, /behind what this client has already seen/],
    ['unavailable', 'ECONNREFUSED', /cannot be reached \(ECONNREFUSED\)/],
  ] as const)('%s: says so, and names replayResponse and runOnPrimary', (reason, detail, message) => {
    const error = new PrimaryRequiredError({ reason, topology, detail })
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(/replayResponse\(error\).*primary region ord.*runOnPrimary\(fn\)/)
    expect(error).toMatchObject({ reason, target: { region: 'ord' } })
    expect(error.detail).toBe(detail)
  })

  test('outside a request: names both ways out, and no answer that nobody waits for', () => {
    const { message } = write({ place: 'outside' })
    expect(message).toContain('runOnPrimary(fn)')
    expect(message).toContain("outsideRequest: 'primary'")
    expect(message).not.toContain('replayResponse')
  })

  test('in a request that is replayed: that there is nothing to do', () => {
    expect(write({ place: 'replayed' }).message).toMatch(/, so that this request is being replayed; nothing to do$/)
  })

  test('in a request ahead of which no middleware stands: where to put one', () => {
    const { message } = write({ place: 'unattended' })
    expect(message).toMatch(/no middleware of flyroute stands ahead of; put replayMiddleware\(.*\) ahead of all routes/)
    expect(message).not.toContain('runOnPrimary')
  })

  test('of assertPrimary: names primary_region, which sends release commands there', () => {
    const { message } = write({ detail: 'assert-primary', place: 'outside' })
    expect(message).toContain(
      'run it in the primary region ord, where a release_command runs with primary_region = "ord" in fly.toml',
    )
    const nowhere = write({ detail: 'assert-primary', place: 'outside', topology: offFly, reachesPrimary: false })
    expect(nowhere.message).toMatch(/; run it in the primary's region, .* with primary_region in fly\.toml$/)
  })

  test('it will be replayed as long as its request will be', () => {
    const error = write({ place: 'replayed' })
    expect(error.willBeReplayed).toBe(false)
    const [replayed, begun] = [createRequestState('request'), createRequestState('request')]
    replayed.refuse(error)
    expect(error.willBeReplayed).toBe(true)
    replayed.answerReplay()
    expect(error.willBeReplayed).toBe(true)
    const other = write({ place: 'replayed' })
    begun.refuse(other)
    begun.answerBegins()
    expect(other.willBeReplayed).toBe(false)
    expect(Object.keys(error)).not.toContain('willBeReplayed')
  })

  test('the target is the primary region, or what the adapter says (a Machine), or empty where nobody knows', () => {
    expect(write().target).toEqual({ region: 'ord' })
    expect(write({ target: { instance: '148e306c77e089' } }).target).toEqual({ instance: '148e306c77e089' })
    expect(write({ topology: offFly }).target).toEqual({})
    expect(write({ topology: offFly }).message).toContain('runs again on the primary')
  })

  test("the server's own error is the cause, untouched", () => {
    const cause = Object.assign(new Error('cannot execute INSERT in a read-only transaction'), { code: '25006' })
    expect(write({ cause }).cause).toBe(cause)
  })

  test.each([
    "INSERT INTO users VALUES ('x')",
    'select 1',
    'a"b',
    'x'.repeat(65),
    '',
    'insert\n',
    42 as unknown as string,
  ])('a detail that could be SQL or a parameter is dropped: %j', (detail) => {
    const error = write({ detail })
    expect(error.detail).toBeUndefined()
    expect('detail' in error).toBe(false)
    expect(error.message).toBe(write().message)
  })

  test('its topology is there, and does not drown the error in a log', () => {
    const error = write()
    expect(error.topology).toBe(topology)
    expect(Object.keys(error)).toEqual(['code', 'reason', 'target'])
    expect(inspect(error)).not.toContain('DATABASE_URL')
  })
})

describe('ReplayUnavailableError', () => {
  test.each(unavailableReasons)('%s: says what happened; what to do, and is described in docs/errors.md', (reason) => {
    const error = new ReplayUnavailableError(reason)
    expect(error.message).toMatch(/^\[ERR_REPLAY_UNAVAILABLE\] [^;]{20,}; .{15,}$/)
    expect(error.reason).toBe(reason)
    expect(errorDocs()).toContain(`| \`${reason}\` |`)
  })

  test('outside a request it names both ways', () => {
    const { message } = new ReplayUnavailableError('outside-request')
    expect(message).toContain('runOnPrimary(fn)')
    expect(message).toContain("outsideRequest: 'primary'")
  })

  test('carries when to try again, a detail and a cause', () => {
    const cause = new Error('down')
    const error = new ReplayUnavailableError('replay-failed', { retryAfterSeconds: 5, detail: 'no_candidate', cause })
    expect(error).toMatchObject({ retryAfterSeconds: 5, detail: 'no_candidate', cause })
    expect(error.message).toContain('(no_candidate)')
    // The reason of a failed replay comes from a header that a client can forge.
    expect(new ReplayUnavailableError('replay-failed', { detail: '<script>' }).detail).toBeUndefined()
  })
})

describe('finding the error inside what a library made of it', () => {
  const inner = write({ detail: 'insert' })
  const wrapped: [string, unknown][] = [
    ['itself', inner],
    ['cause (Drizzle, the standard)', new Error('Failed query', { cause: inner })],
    ['original (Sequelize)', Object.assign(new Error(), { original: inner })],
    ['parent (Sequelize)', Object.assign(new Error(), { parent: inner })],
    ['driverError with its fields copied (TypeORM)', Object.assign(new Error(), inner, { driverError: inner })],
    [
      'meta, copied with the code alone (Prisma)',
      Object.assign(new Error(), { code: inner.code, meta: { modelName: 'Post', ...Reflect.get(inner, 'meta') } }),
    ],
    ['originalError (GraphQL)', { errors: [Object.assign(new Error(), { originalError: inner })] }],
    ['errors[] (AggregateError)', new AggregateError([new Error('other'), inner])],
    ['error of a SuppressedError', Object.assign(new Error(), { error: new Error('rollback'), suppressed: inner })],
    ['four deep', new Error('', { cause: { original: new AggregateError([{ driverError: inner }]) } })],
    ['a rejected function', Object.assign(() => 0, { cause: inner })],
    ['an Error of another realm', runInNewContext('(cause) => new Error("", { cause })')(inner)],
  ]

  test.each(wrapped)('%s', (_, error) => {
    expect(isPrimaryRequired(error)).toBe(true)
    expect(findPrimaryRequired(error)).toBe(inner)
    expect(replayResponse(error as PrimaryRequiredError).headers['fly-replay']).toBe('region=ord')
  })

  test('an error of another copy of the package counts', async () => {
    const copy = `../src/errors.ts?${'copy'}`
    const other: typeof errors = await import(copy)
    expect(other.PrimaryRequiredError).not.toBe(PrimaryRequiredError)
    const error = new other.PrimaryRequiredError({ reason: 'write', topology })
    expect(error).not.toBeInstanceOf(PrimaryRequiredError)
    expect(isPrimaryRequired(error)).toBe(true)
    expect(findPrimaryRequired(new Error('', { cause: error }))).toBe(error)
  })

  test('what only looks like it is none: what a client sent, or a copy of its fields', () => {
    const sent = JSON.parse(JSON.stringify({ ...inner, target: { app: 'other', instance: 'd8d9' }, topology: {} }))
    for (const forged of [sent, Object.assign(new Error(), inner), { ...inner, ...sent }, structuredClone(inner)]) {
      for (const error of [forged, new Error('', { cause: forged }), { errors: [forged] }, { meta: forged }]) {
        expect(isPrimaryRequired(error)).toBe(false)
      }
      expect(() => replayResponse(Object.assign(new Error(), forged))).toThrow(TypeError)
    }
    const unavailable = { code: 'ERR_REPLAY_UNAVAILABLE', reason: 'loop', message: '<script>', retryAfterSeconds: '1' }
    expect(findReplayUnavailable(new Error('', { cause: unavailable }))).toBeUndefined()
    expect(findReplayUnavailable({ errors: [new ReplayUnavailableError('loop')] })).toMatchObject({ reason: 'loop' })
  })

  test('what was written over its fields changes nothing of where it is replayed', () => {
    const error = Object.assign(write(), { target: { app: 'other' }, reason: 'x', topology: {} })
    expect(replayResponse(error).headers['fly-replay']).toBe('region=ord')
  })

  test.each([
    undefined,
    null,
    'ERR_PRIMARY_REQUIRED',
    42,
    {},
    [],
    new Error('ERR_PRIMARY_REQUIRED'),
    { code: '25006' },
    { code: 'ERR_PRIMARY_REQUIRED' }, // without a target it is nothing that could be answered
    { code: 'ERR_PRIMARY_REQUIRED', target: 'ord' },
    new ReplayUnavailableError('loop'),
    { errors: 'abc' },
    { errors: { 0: inner, length: 1 } },
    { message: inner },
  ])('not in %p', (error) => {
    expect(isPrimaryRequired(error)).toBe(false)
    expect(findPrimaryRequired(error)).toBeUndefined()
  })
})

describe('what is hostile neither throws nor hangs', () => {
  const throwing = new Proxy(
    {},
    {
      get: () => {
        throw new Error('get')
      },
      has: () => {
        throw new Error('has')
      },
      getPrototypeOf: () => {
        throw new Error('proto')
      },
    },
  )
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable([], {})
    revoke()
    return proxy
  }
  const circle: Record<string, unknown> = {}
  Object.assign(circle, { cause: circle, original: circle, errors: [circle] })
  const endless = (): object => ({
    get cause() {
      return endless()
    },
    get errors() {
      return [endless(), endless()]
    },
  })
  const sparse: unknown[] = []
  sparse.length = 4_294_967_295

  test.each([
    ['getters that throw', throwing],
    ['a revoked proxy', revoked()],
    ['a revoked proxy in errors', { errors: revoked() }],
    ['a circle', circle],
    ['causes without end', endless()],
    ['a list without end', { errors: sparse }],
    [
      'a list with a length that is none',
      { errors: new Proxy([], { get: (_, key) => (key === 'length' ? Number.NaN : undefined) }) },
    ],
    [
      'a list with a negative length',
      { errors: new Proxy([], { get: (_, key) => (key === 'length' ? -1 : undefined) }) },
    ],
    ['a list of hostile members', { errors: [throwing, revoked()] }],
  ])('%s', (_, error) => {
    expect(processorMs(() => expect(isPrimaryRequired(error)).toBe(false))).toBeLessThan(250)
  })

  test('the search goes on past what throws', () => {
    const inner = write()
    expect(
      findPrimaryRequired({
        get cause() {
          throw new Error()
        },
        original: inner,
      }),
    ).toBe(inner)
    expect(findPrimaryRequired(new AggregateError([throwing, circle, inner]))).toBe(inner)
  })

  test('any value at all', () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withSparseArray: true }),
        (value) => !isPrimaryRequired(value),
      ),
    )
  })

  test('wrapped in any way, at any depth that a library would', () => {
    const inner = write()
    const keys = fc.constantFrom(
      'cause',
      'original',
      'parent',
      'driverError',
      'originalError',
      'meta',
      'error',
      'suppressed',
      'errors',
    )
    fc.assert(
      fc.property(fc.array(fc.record({ key: keys, noise: fc.anything() }), { maxLength: 12 }), (layers) => {
        const outer = layers.reduce<object>(
          (error, { key, noise }) => ({ noise, [key]: key === 'errors' ? [noise, error] : error }),
          inner,
        )
        return findPrimaryRequired(outer) === inner
      }),
    )
  })
})

test('no error shows a password, whichever way it is printed', () => {
  const errors = [
    write(),
    write({ cause: new ReplayUnavailableError('no-primary') }),
    write({ place: 'outside' }),
    new Error('outer', { cause: write() }),
  ]
  for (const error of errors) {
    const shown = [
      error.message,
      String(error),
      error.stack,
      JSON.stringify(error),
      inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: false }),
      JSON.stringify(Object.assign({}, error)),
      JSON.stringify(Object.getOwnPropertyNames(error).map((name) => (error as never)[name])),
    ]
    for (const text of shown) expect(text).not.toContain(password)
  }
})

function errorDocs(): string {
  return readFileSync(join(import.meta.dirname, '../../../docs/errors.md'), 'utf8')
}
