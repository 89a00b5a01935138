import { describe, expect, test } from '@jest/globals'
import type { ConfigurationError } from '../../src/errors.ts'
import { resolvePolicy } from '../../src/policy/resolve.ts'
import type { ReplayPolicyOptions } from '../../src/policy.ts'
import { told } from '../support/events.ts'
import { FakeDatabase, type FakeDatabaseOptions } from '../support/fake-database.ts'
import { incoming } from '../support/incoming.ts'

const secret = 'a secret that is long enough, and then some'
const resolve = (options: object = {}, database: FakeDatabaseOptions = {}) =>
  resolvePolicy({ databases: [new FakeDatabase(database)], ...options } as ReplayPolicyOptions)

function problemsOf(options: object): unknown {
  try {
    resolve(options)
  } catch (error) {
    return (error as ConfigurationError).problems.map(
      ({ setting, message, remedy }) => `${setting} ${message}; ${remedy}`,
    )
  }
  return []
}

test('what holds where nothing is said', () => {
  expect(resolve()).toMatchObject({
    consistency: 'read-your-writes',
    waitTimeoutMs: 1_000,
    maxReplayBodyBytes: 1_000_000,
    replayTimeoutMs: 5_000,
    whenReplayUnavailable: 'primary',
    debugHeader: false,
    tokenHeader: 'flyroute-token',
    cookie: { name: 'flyroute', own: 'flyroute' },
    secrets: [],
  })
  const { replaysBeforeHandler, isIdempotent } = resolve()
  const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']
  const are = (decide: typeof isIdempotent): string[] => methods.filter((method) => decide(incoming({ method })))
  expect(are(replaysBeforeHandler)).toEqual(['POST', 'PUT', 'PATCH', 'DELETE'])
  expect(are(isIdempotent)).toEqual([])
})

test('what is said holds', () => {
  const given = {
    consistency: 'monotonic',
    waitTimeoutMs: 0,
    maxReplayBodyBytes: 0,
    replayTimeoutMs: 1,
    whenReplayUnavailable: 'error',
    debugHeader: true,
  }
  expect(resolve(given)).toMatchObject(given)
  expect(resolve({ tokenHeader: 'X-Token' }).tokenHeader).toBe('x-token')
  expect(resolve({ tokenHeader: false }).tokenHeader).toBeUndefined()
  expect(resolve({ cookie: false }).cookie).toBeUndefined()
  expect(resolve({ cookie: 'mine' }).cookie).toEqual({ name: 'mine', own: 'mine' })
  const cookie = { maxAgeSeconds: 1, path: '/a', domain: 'b.test', sameSite: 'None' }
  expect(resolve({ cookie }).cookie).toEqual({ name: 'flyroute', own: 'flyroute', ...cookie })
  expect(resolve({}, { machineId: '3d8d9930c32189' }).cookie).toMatchObject({ own: 'flyroute.c32189' })
  expect(resolve({ secret }).secrets).toEqual([secret])
  expect(resolve({ secret: [secret, `${secret}2`] }).secrets).toEqual([secret, `${secret}2`])
  expect(resolve({ consistency: 'none' })).toMatchObject({ cookie: undefined, tokenHeader: undefined })
})

const database = new FakeDatabase()
const foreign = 'was not made by an adapter of flyroute; pass what the adapters return, for example databases: [pool]'
const whole = (setting: string, least: number): string =>
  `${setting} is no whole number of ${least} or more; pass a number`
const short = 'is shorter than 16 characters; use a long random one, for example from `openssl rand -base64 32`'
test.each<[object, string]>([
  [{ databases: [] }, 'databases is no list with at least one database; pass what the adapters return, for example databases: [pool]'],
  [{ databases: 'pool' }, 'databases is no list with at least one database; pass what the adapters return, for example databases: [pool]'],
  [{ databases: [database, null] }, `databases[1] ${foreign}`],
  [{ databases: [database, {}] }, `databases[1] ${foreign}`],
  [{ databases: [database, { replication: {} }] }, `databases[1] ${foreign}`],
  [{ databases: [database, new FakeDatabase()] }, "databases[1] has the same name as another one (app); name each: createPool({ name: 'orders' })"],
  [{ consistency: 'strong' }, 'consistency is no known choice; use none, read-your-writes, monotonic'],
  [{ whenReplayUnavailable: 'later' }, 'whenReplayUnavailable is no known choice; use primary, error'],
  [{ debugHeader: 1 }, 'debugHeader is no known choice; use true, false'],
  [{ waitTimeoutMs: -1 }, whole('waitTimeoutMs', 0)],
  [{ waitTimeoutMs: 1_000_000_000 }, whole('waitTimeoutMs', 0)],
  [{ waitTimeoutMs: Number.POSITIVE_INFINITY }, whole('waitTimeoutMs', 0)],
  [{ maxReplayBodyBytes: 0.5 }, whole('maxReplayBodyBytes', 0)],
  [{ maxReplayBodyBytes: '1' }, whole('maxReplayBodyBytes', 0)],
  [{ replayTimeoutMs: 0 }, whole('replayTimeoutMs', 1)],
  [{ isIdempotent: true }, "isIdempotent is no function; pass for example ({ method }) => method === 'PUT'"],
  [{ replayBeforeHandler: 'POST' }, "replayBeforeHandler is neither a list of methods nor a function; pass for example ['POST']"],
  [{ replayBeforeHandler: [1] }, "replayBeforeHandler is neither a list of methods nor a function; pass for example ['POST']"],
  [{ tokenHeader: 'a:b' }, "tokenHeader is no name of a header; use for example 'flyroute-token', or false for none"],
  [{ tokenHeader: true }, "tokenHeader is no name of a header; use for example 'flyroute-token', or false for none"],
  [{ cookie: 'a b' }, "cookie.name is no name that HTTP allows; use for example 'flyroute'"],
  [{ cookie: { maxAgeSeconds: 0 } }, 'cookie.maxAgeSeconds is no whole number above 0; pass for example 86400'],
  [{ cookie: { maxAgeSeconds: 1.5 } }, 'cookie.maxAgeSeconds is no whole number above 0; pass for example 86400'],
  [{ cookie: { path: '/;x' } }, "cookie.path is no path that HTTP allows; use for example '/'"],
  [{ cookie: { domain: 'a\r\nb' } }, "cookie.domain is no domain that HTTP allows; use for example 'example.com'"],
  [{ cookie: { sameSite: 'lax' } }, "cookie.sameSite is no known choice; use 'Lax', 'Strict' or 'None'"],
  [{ secret: 'hunter2' }, `secret ${short}`],
  [{ secret: [secret, 'hunter2'] }, `secret ${short}`],
  [{ secret: 7 }, `secret ${short}`],
])('a problem with %j is told with what to do', (options, problem) => {
  expect(problemsOf(options)).toEqual([problem])
}) // biome-ignore format: a table

test('a secret of the environment is judged as one of the app’s', () => {
  const { FLYROUTE_SECRET: before } = process.env
  try {
    process.env['FLYROUTE_SECRET'] = 'hunter2'
    expect(problemsOf({})).toEqual([`FLYROUTE_SECRET ${short}`])
  } finally {
    if (before === undefined) delete process.env['FLYROUTE_SECRET']
    else process.env['FLYROUTE_SECRET'] = before
  }
})

describe('what the app decides by code of its own', () => {
  test('is asked with the request', () => {
    const options = {
      replayBeforeHandler: ({ path }: { path: string }) => path === '/a',
      isIdempotent: ({ path }: { path: string }) => path === '/b',
    }
    const { replaysBeforeHandler, isIdempotent } = resolve(options)
    const are = ['/a', '/b'].map((path) => [replaysBeforeHandler(incoming({ path })), isIdempotent(incoming({ path }))])
    expect(are).toEqual([
      [true, false],
      [false, true],
    ])
  })

  test('does no harm where it throws, and that is told', async () => {
    const fails = (error: unknown) => () => {
      throw error
    }
    const { replaysBeforeHandler, isIdempotent } = resolve({
      replayBeforeHandler: fails(new Error('own')),
      isIdempotent: fails(Object.assign(new Error('own'), { code: 'E_OWN' })),
    })
    const heard = await told(['notice'], () => {
      expect([replaysBeforeHandler(incoming()), isIdempotent(incoming())]).toEqual([true, false])
    })
    expect(heard.map(([, message]) => message)).toEqual([
      { database: '', message: 'replayBeforeHandler threw an error; true is used instead' },
      { database: '', message: 'isIdempotent threw an error (E_OWN); false is used instead' },
    ])
  })
})

test('a secret of the policy is what its databases sign with', async () => {
  const standIn = new FakeDatabase()
  resolvePolicy({ databases: [standIn], secret })
  const signed = await standIn.replication.currentToken()
  expect(signed).not.toBe(await new FakeDatabase().replication.currentToken())
  const { decodeToken } = await import('../../src/token.ts')
  expect(decodeToken(signed, { secrets: [secret] }).size).toBe(1)
  expect(decodeToken(signed, { secrets: [`${secret}2`] }).size).toBe(0)
})
