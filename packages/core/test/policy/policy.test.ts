import { describe, expect, test } from '@jest/globals'
import { assertPrimary } from '../../src/assert-primary.ts'
import { ConfigurationError, PrimaryRequiredError } from '../../src/errors.ts'
import { resolvePolicy } from '../../src/policy/resolve.ts'
import { createReplayPolicy, type ReplayPolicyOptions } from '../../src/policy.ts'
import { currentScope, runOnPrimary } from '../../src/request/scope.ts'
import { FakeDatabase } from '../support/fake-database.ts'
import { attend, body, incoming } from '../support/incoming.ts'

function replica(options: Omit<ReplayPolicyOptions, 'databases'> = {}) {
  const database = new FakeDatabase()
  return { database, policy: createReplayPolicy({ databases: [database], ...options }) }
}
function primary(options: Omit<ReplayPolicyOptions, 'databases'> = {}) {
  const database = new FakeDatabase({ role: 'primary' })
  return { database, policy: createReplayPolicy({ databases: [database], ...options }) }
}
const unsafe = ['POST', 'PUT', 'PATCH', 'DELETE']
const safe = ['GET', 'HEAD', 'OPTIONS']

describe('by method', () => {
  test.each(unsafe)('%s is replayed before the handler on a replica, and served on the primary', async (method) => {
    const there = await attend(replica().policy, incoming({ method }))
    expect(there).toMatchObject({ ran: false, status: 409 })
    const state = `flyroute:method:${method.toLowerCase()}@app`
    expect(there.headers['fly-replay']).toBe(`region=ord;state=${state};timeout=5000ms;fallback=prefer_self`)
    expect(await attend(primary().policy, incoming({ method }))).toMatchObject({ ran: true, status: 200 })
  })

  test.each([...safe, 'PROPFIND'])('%s is not', async (method) => {
    expect(await attend(replica().policy, incoming({ method }))).toMatchObject({ ran: true, status: 200 })
  })

  test('a list of methods takes the place of the default one', async () => {
    const { policy } = replica({ replayBeforeHandler: ['propfind'] })
    expect((await attend(policy, incoming({ method: 'PROPFIND' }))).ran).toBe(false)
    expect((await attend(policy, incoming({ method: 'POST' }))).ran).toBe(true)
  })

  test('a predicate sees method, path and headers', async () => {
    const { policy } = replica({
      replayBeforeHandler: ({ method, path, headers }) =>
        `${method} ${path} ${headers.get('x-kind')}` === 'GET /a?b=1 w',
    })
    expect((await attend(policy, incoming({ path: '/a?b=1', headers: { 'X-Kind': 'w' } }))).ran).toBe(false)
    expect((await attend(policy, incoming({ path: '/a?b=1' }))).ran).toBe(true)
  })

  test('what needs no waiting costs no promise', () => {
    expect(replica().policy.before(incoming())).not.toBeInstanceOf(Promise)
    expect(replica().policy.before(incoming({ method: 'POST' }))).not.toBeInstanceOf(Promise)
    expect(primary().policy.before(incoming())).not.toBeInstanceOf(Promise)
  })

  test('off Fly nothing is replayed, even if the database turns out to be a replica', async () => {
    const database = new FakeDatabase({ region: undefined, primaryRegion: undefined })
    const policy = createReplayPolicy({ databases: [database] })
    const ended = await attend(policy, incoming({ method: 'POST' }), () => expect(database.write()).toBe('primary'))
    expect(ended).toMatchObject({ ran: true, status: 200 })
    const read = await attend(policy, incoming(), () => database.write())
    expect(read).toMatchObject({ status: 503, json: { error: { reason: 'no-primary' } } })
  })
})

describe('a refusal', () => {
  const wrappers: Record<string, (error: unknown) => unknown> = {
    bare: (error) => error,
    cause: (error) => new Error('Failed query', { cause: error }),
    'cause of a cause': (error) => new Error('outer', { cause: new Error('inner', { cause: error }) }),
    original: (error) => Object.assign(new Error('SequelizeDatabaseError'), { original: error, parent: error }),
    driverError: (error) => Object.assign(new Error('QueryFailedError'), { driverError: error }),
    AggregateError: (error) => new AggregateError([new Error('other'), error]),
  }
  test.each(Object.entries(wrappers))('that is thrown (%s) is a replay', async (_, wrap) => {
    const { policy, database } = replica()
    const ended = await attend(policy, incoming(), () => {
      try {
        database.write()
      } catch (error) {
        throw wrap(error)
      }
    })
    expect(ended).toMatchObject({ ran: true, status: 409 })
    expect(ended.headers['fly-replay']).toContain('state=flyroute:write:insert@app')
  })

  test.each(Object.entries(wrappers))('that nobody has noted, thrown (%s), is a replay as well', async (_, wrap) => {
    const { policy, database } = replica()
    const { topology } = database.replication
    const error = new PrimaryRequiredError({ reason: 'write', topology })
    const ended = await attend(policy, incoming(), () => Promise.reject(wrap(error)))
    expect(ended.headers['fly-replay']).toContain('region=ord')
  })

  test.each([200, 404, 500])('that is swallowed, and answered %i, is a replay', async (status) => {
    const { policy, database } = replica()
    const ended = await attend(policy, incoming(), () => {
      expect(() => database.write()).toThrow()
      return status
    })
    expect(ended.status).toBe(409)
  })

  test('an error of the app is its own affair', async () => {
    const own = new Error('own')
    await expect(attend(replica().policy, incoming(), () => Promise.reject(own))).rejects.toBe(own)
    await expect(attend(primary().policy, incoming(), () => Promise.reject(own))).rejects.toBe(own)
  })

  test('after something was committed it is no replay: everything else goes to the primary', async () => {
    const { policy, database } = replica()
    const writtenThenRefused = (status?: number) => () => {
      runOnPrimary(() => database.write())
      expect(database.write()).toBe('primary')
      const refusal = catchError(() => assertPrimary(database.replication.topology))
      if (status === undefined) throw refusal
      return status
    }
    for (const status of [200, 500]) {
      expect(await attend(policy, incoming(), writtenThenRefused(status))).toMatchObject({ ran: true, status })
    }
    const ended = await attend(policy, incoming(), writtenThenRefused())
    expect(ended).toMatchObject({ status: 503, json: { error: { reason: 'already-written' } } })
    expect(ended.headers['retry-after']).toBe('5')
  })

  test('stands: no write begins after it, by whichever way, and the app cannot get around it', async () => {
    const { policy, database } = replica()
    const other = new FakeDatabase({ name: 'other', role: 'replica' })
    const ended = await attend(policy, incoming(), () => {
      const refusal = catchError(() => database.write())
      expect(catchError(() => runOnPrimary(() => database.write()))).toBe(refusal)
      expect(catchError(() => runOnPrimary(() => other.write()))).toBe(refusal)
      expect(catchError(() => database.write())).toBe(refusal)
      // What any replica can answer still is.
      expect(database.replication.router.route('read', 'select')).toBe('local')
      return 200
    })
    expect(ended.status).toBe(409)
    expect(ended.visit.scope.request).toMatchObject({ isReplayed: true, committed: false, writesUnderWay: 0 })
    expect(ended.visit.run(() => database.write())).toBe('late')
    expect(ended.visit.run(() => runOnPrimary(() => database.replication.router.route('read', 'select')))).toBe('late')
  })

  test('a write under way may have been committed: no replay', async () => {
    const { policy, database } = replica()
    const ended = await attend(policy, incoming(), async () => {
      const state = currentScope()?.request
      if (state === undefined) throw new Error('no scope')
      database.replication.written.begins(state)
      throw new PrimaryRequiredError({ reason: 'write', topology: database.replication.topology })
    })
    expect(ended).toMatchObject({ status: 503, json: { error: { reason: 'already-written' } } })
  })
})

describe('what cannot be replayed', () => {
  const obstacles: [string, string, Parameters<typeof incoming>[0]][] = [
    ['a body over the limit', 'body-too-large', { headers: { 'content-length': '1000001' } }],
    ['a body of unknown length that is too long', 'body-too-large', { body: body(0, { more: 1_000_001 }) }],
    ['an upgrade', 'upgrade', { headers: { upgrade: 'websocket' } }],
    ['an answer that has begun', 'response-begun', { answerBegun: true }],
  ]
  test.each(obstacles)('%s, by method: runs on the primary', async (_, reason, options) => {
    const { policy, database } = replica()
    const request = incoming({ method: 'POST', ...options })
    const ended = await attend(policy, request, () => expect(database.write()).toBe('primary'))
    expect(ended).toMatchObject({ ran: true, status: 200, visit: { why: reason } })
  })

  test.each(obstacles)('%s, by statement: runs on the primary', async (_, __, options) => {
    const { policy, database } = replica()
    const ended = await attend(policy, incoming(options), () => expect(database.write()).toBe('primary'))
    expect(ended).toMatchObject({ ran: true, status: 200 })
  })

  test.each(obstacles)("%s, with whenReplayUnavailable: 'error': is refused", async (_, reason, options) => {
    const { policy, database } = replica({ whenReplayUnavailable: 'error' })
    const tooLarge = reason === 'body-too-large'
    const early = await attend(policy, incoming({ method: 'POST', ...options }))
    const late = await attend(policy, incoming({ ...options }), () => database.write())
    const swallowed = await attend(policy, incoming({ ...options }), () => {
      expect(() => database.write()).toThrow('[ERR_REPLAY_UNAVAILABLE]')
      return 500
    })
    expect([early.ran, late.ran, swallowed.ran]).toEqual([false, true, true])
    for (const ended of [early, late, swallowed]) {
      expect(ended.status).toBe(tooLarge ? 413 : 503)
      expect(ended.json).toEqual({
        error: {
          code: 'ERR_REPLAY_UNAVAILABLE',
          reason,
          message: expect.stringMatching(/^\[ERR_REPLAY_UNAVAILABLE\]/),
        },
      })
      expect(ended.headers['retry-after']).toBe(tooLarge ? undefined : '5')
      expect(ended.headers['cache-control']).toBe('no-store')
    }
  })

  test('a body at the limit is replayed, its length known or not', async () => {
    const { policy } = replica({ maxReplayBodyBytes: 10 })
    const declared = incoming({ method: 'POST', headers: { 'content-length': '10' } })
    expect((await attend(policy, declared)).status).toBe(409)
    expect((await attend(policy, incoming({ method: 'POST', body: body(3, { more: 7 }) }))).status).toBe(409)
  })

  test('a body that has not ended yet may turn out too long', async () => {
    const { policy, database } = replica()
    await attend(policy, incoming({ body: body(5) }), () => expect(database.write()).toBe('primary'))
    const ended = await attend(policy, incoming({ body: body(5, { complete: true }) }), () => database.write())
    expect(ended.status).toBe(409)
  })

  test('after the headers a write runs on the primary', async () => {
    const { policy, database } = replica()
    const visit = await policy.before(incoming())
    policy.after(visit, {})
    expect(visit.run(() => database.write())).toBe('primary')
  })
})

describe('a replay that came back', () => {
  const failed = (reason: string) => ({ 'fly-replay-failed': `instance=1;region=ord;reason=${reason};elapsed_ms=5000` })
  const reasons = ['timeout', 'retries_exhausted', 'something_new']

  test.each([...safe, ...unsafe])(
    '%s runs here on the primary connection when the proxy found nobody',
    async (method) => {
      const { policy, database } = replica()
      const request = incoming({ method, headers: failed('no_candidate') })
      const ended = await attend(policy, request, () => expect(database.write()).toBe('primary'))
      expect(ended).toMatchObject({ ran: true, status: 200 })
    },
  )

  test.each(reasons.flatMap((reason) => unsafe.map((method) => [reason, method] as const)))(
    'after %s, %s may have run: 503',
    async (reason, method) => {
      for (const { policy } of [replica(), primary()]) {
        const ended = await attend(policy, incoming({ method, headers: failed(reason) }))
        expect(ended).toMatchObject({ ran: false, status: 503, json: { error: { reason: 'replay-failed' } } })
        expect(ended.headers['retry-after']).toBe('5')
        expect(ended.headers['fly-replay']).toBeUndefined()
      }
    },
  )

  test.each(reasons.flatMap((reason) => safe.map((method) => [reason, method] as const)))(
    'after %s, %s reads here, and does not write',
    async (reason, method) => {
      const { policy, database } = replica()
      const request = () => incoming({ method, headers: failed(reason) })
      expect(await attend(policy, request())).toMatchObject({ ran: true, status: 200 })
      const ended = await attend(policy, request(), () => database.write())
      expect(ended).toMatchObject({ ran: true, status: 503, json: { error: { reason: 'replay-failed' } } })
      // The app calls it idempotent.
      const { policy: other, database: same } = replica({ isIdempotent: () => true })
      expect(await attend(other, request(), () => same.write())).toMatchObject({ ran: true, status: 200 })
    },
  )

  test.each(['write', 'refused', 'method'])(
    'a GET that was replayed for %s may have written there: 503',
    async (reason) => {
      const state = { 'fly-replay-src': `instance=1;region=ams;t=1;state=flyroute:${reason}:insert@app` }
      const { policy, database } = replica()
      for (const more of [state, { 'fly-request-id': 'one' }]) {
        // What this process has sent away itself, it knows without the state.
        if ('fly-request-id' in more) {
          if (reason !== 'write') continue
          const first = await attend(policy, incoming({ headers: more }), () => database.write())
          expect(first.headers['fly-replay']).toBeDefined()
        }
        const ended = await attend(policy, incoming({ headers: { ...failed('timeout'), ...more } }))
        expect(ended).toMatchObject({ ran: false, status: 503, json: { error: { reason: 'replay-failed' } } })
      }
      const again = incoming({ headers: { ...failed('no_candidate'), ...state } })
      expect(await attend(policy, again)).toMatchObject({ ran: true, status: 200 })
      const idempotent = replica({ isIdempotent: () => true })
      const stale = { 'fly-replay-src': 'instance=1;region=ams;t=1;state=flyroute:stale@app' }
      for (const [{ policy: one }, more] of [
        [idempotent, state],
        [replica(), stale],
      ] as const) {
        const ended = await attend(one, incoming({ headers: { ...failed('timeout'), ...more } }))
        expect(ended).toMatchObject({ ran: true, status: 200 })
      }
    },
  )

  test('what the app calls idempotent runs here as well', async () => {
    const { policy } = replica({ isIdempotent: ({ method, path }) => method === 'PUT' && path === '/set' })
    const at = (path: string) => attend(policy, incoming({ method: 'PUT', path, headers: failed('timeout') }))
    expect(await at('/set')).toMatchObject({ ran: true, status: 200 })
    expect(await at('/add')).toMatchObject({ ran: false, status: 503 })
  })

  test("with whenReplayUnavailable: 'error' its reads are served, its writes are refused", async () => {
    const { policy, database } = replica({ whenReplayUnavailable: 'error' })
    const request = () => incoming({ headers: failed('no_candidate') })
    expect(await attend(policy, request())).toMatchObject({ ran: true, status: 200 })
    const ended = await attend(policy, request(), () => database.write())
    expect(ended).toMatchObject({ status: 503, json: { error: { reason: 'replay-failed' } } })
    const post = await attend(policy, incoming({ method: 'POST', headers: failed('no_candidate') }))
    expect(post).toMatchObject({ ran: false, status: 503 })
  })

  test.each([';;;', '=', 'reason', '\u0001', 'x'.repeat(20_000)])(
    'is never replayed again, whatever it says (%#)',
    async (text) => {
      const { policy, database } = replica()
      const request = { ...incoming(), header: (name: string) => (name === 'fly-replay-failed' ? text : undefined) }
      const ended = await attend(policy, request, () => database.write())
      expect(ended).toMatchObject({ ran: true, status: 503, json: { error: { reason: 'replay-failed' } } })
    },
  )
})

describe('a request that was replayed already', () => {
  const replayed = (state: string) => ({ 'fly-replay-src': `instance=1;region=ams;t=1;state=${state}` })

  test.each(safe.concat(unsafe))('%s that is still not on the primary is an error with its reason', async (method) => {
    const ended = await attend(replica().policy, incoming({ method, headers: replayed('flyroute:method:post@app') }))
    expect(ended).toMatchObject({ ran: false, status: 503, json: { error: { reason: 'loop' } } })
    const atHome = new FakeDatabase({ region: 'ord' })
    const there = await attend(
      createReplayPolicy({ databases: [atHome] }),
      incoming({ method, headers: replayed('flyroute:write') }),
    )
    expect(there).toMatchObject({ ran: false, status: 503, json: { error: { reason: 'no-primary' } } })
  })

  test('is served on the primary, and asked for every position only where no text has shown the write', async () => {
    const { policy } = primary({ debugHeader: true })
    const visit = async (state: string) => (await attend(policy, incoming({ headers: replayed(state) }))).visit
    expect((await visit('flyroute:write:insert@app')).scope.request.captureAfterEveryStatement).toBe(false)
    expect((await visit('flyroute:refused@app')).scope.request.captureAfterEveryStatement).toBe(true)
    expect((await visit('flyroute:method:post@app')).why).toBe('replayed-method')
  })

  test.each(['captured_write', 'flyroute', 'xflyroute:write', 'flyroute:', ''])(
    'by somebody else (%s) is none of ours',
    async (state) => {
      const { policy, database } = replica()
      const ended = await attend(policy, incoming({ headers: replayed(state) }), () => database.write())
      expect(ended.status).toBe(409)
    },
  )
})

describe('several databases', () => {
  test('each refusal goes to its own primary, and is no loop there although the other one is a replica', async () => {
    const orders = new FakeDatabase({ name: 'orders', region: 'gru', primaryRegion: 'ord' })
    const blog = new FakeDatabase({ name: 'my blog', region: 'gru', primaryRegion: 'ams' })
    const policy = createReplayPolicy({ databases: [orders, blog] })
    const toOrders = await attend(policy, incoming(), () => orders.write())
    expect(toOrders.headers['fly-replay']).toMatch(/^region=ord;state=flyroute:write:insert@orders;/)
    const toBlog = await attend(policy, incoming(), () => blog.write())
    expect(toBlog.headers['fly-replay']).toMatch(/^region=ams;state=flyroute:write:insert@my_blog;/)

    // In ams: orders, the first one, is a replica; the blog is at home.
    const ordersThere = new FakeDatabase({ name: 'orders', region: 'ams', primaryRegion: 'ord' })
    const blogThere = new FakeDatabase({ name: 'my blog', role: 'primary', region: 'ams', primaryRegion: 'ams' })
    const options = { databases: [ordersThere, blogThere] }
    const arrive = (more: Partial<ReplayPolicyOptions>, handler: () => unknown) =>
      attend(
        createReplayPolicy({ ...options, ...more }),
        incoming({ method: 'POST', headers: { 'fly-replay-src': 'state=flyroute:write:insert@my_blog' } }),
        handler,
      )
    for (const whenReplayUnavailable of ['primary', 'error'] as const) {
      const ended = await arrive({ whenReplayUnavailable }, () => blogThere.write())
      expect(ended).toMatchObject({ ran: true, status: 200, visit: { scope: { onPrimary: false } } })
    }
    // Both in one request: the second one over the ocean, or not at all; never on to the other region.
    await arrive({}, () => expect(ordersThere.write()).toBe('primary'))
    const refused = await arrive({ whenReplayUnavailable: 'error' }, () => ordersThere.write())
    expect(refused).toMatchObject({ status: 503, json: { error: { reason: 'two-primaries' } } })
  })

  test('share one cookie', async () => {
    const [one, two] = [
      new FakeDatabase({ name: 'one', role: 'primary' }),
      new FakeDatabase({ name: 'two', role: 'primary' }),
    ]
    const policy = createReplayPolicy({ databases: [one, two] })
    const ended = await attend(policy, incoming(), () => [one.write(), two.write()])
    expect(ended.cookies).toHaveLength(1)
    const again = await attend(policy, incoming({ headers: { cookie: ended.cookies[0]?.split(';')[0] ?? '' } }))
    expect([...again.visit.incoming.keys()]).toEqual(['one', 'two'])
  })
})

describe('the debug header', () => {
  test.each([
    ['a read locally', () => replica({ debugHeader: true }), {}, 'region=ams; role=replica; reason=local'],
    [
      'a write at home',
      () => primary({ debugHeader: true }),
      { method: 'POST' },
      'region=ord; role=primary; reason=local',
    ],
    [
      'a large body',
      () => replica({ debugHeader: true }),
      { method: 'POST', headers: { 'content-length': '2000000' } },
      'region=ams; role=primary; reason=body-too-large',
    ],
  ])('says where %s ran and why', async (_, make, options, text) => {
    expect((await attend(make().policy, incoming(options))).headers['flyroute-debug']).toBe(text)
  })

  test('is not there unless asked for', async () => {
    expect((await attend(replica().policy, incoming())).headers).toEqual({})
  })
})

describe('options', () => {
  const create = (options: unknown) => createReplayPolicy(options as ReplayPolicyOptions)

  test('all problems at once, each with what to do', () => {
    const database = new FakeDatabase()
    const error = catchError(() =>
      create({
        databases: [database, { query() {} }, null, new FakeDatabase()],
        replayBeforeHandler: 'POST',
        consistency: 'strong',
        waitTimeoutMs: -1,
        maxReplayBodyBytes: '1mb',
        replayTimeoutMs: 0.5,
        whenReplayUnavailable: 'later',
        cookie: { name: 'a b', path: '/;x', domain: 'a\r\nb', sameSite: 'lax', maxAgeSeconds: 0 },
        tokenHeader: 'a:b',
        secret: 'hunter2',
        isIdempotent: true,
        debugHeader: 'yes',
      }),
    ) as ConfigurationError
    expect(error).toBeInstanceOf(ConfigurationError)
    expect(error.problems.map(({ setting }) => setting).sort()).toEqual(
      [
        'databases[1]',
        'databases[2]',
        'databases[3]',
        'replayBeforeHandler',
        'consistency',
        'waitTimeoutMs',
        'maxReplayBodyBytes',
        'replayTimeoutMs',
        'whenReplayUnavailable',
        'tokenHeader',
        'secret',
        'isIdempotent',
        'cookie.name',
        'cookie.path',
        'cookie.domain',
        'cookie.sameSite',
        'cookie.maxAgeSeconds',
        'debugHeader',
      ].sort(),
    )
    for (const { message, remedy } of error.problems) expect(`${message}${remedy}`.length).toBeGreaterThan(20)
    expect(error.message).not.toContain('hunter2')
  })

  test.each([[[]], [undefined], ['pool'], [{}]])('databases: %j', (databases) => {
    expect(catchError(() => create({ databases }))).toMatchObject({ problems: [{ setting: 'databases' }] })
  })

  test.each([undefined, null, 'pool'])('%s is no options at all', (options) => {
    expect(() => create(options)).toThrow(TypeError)
  })

  test('the same database twice is one', () => {
    const database = new FakeDatabase()
    expect(resolvePolicy({ databases: [database, database] }).databases).toHaveLength(1)
  })
})

function catchError(fn: () => unknown): unknown {
  try {
    fn()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
