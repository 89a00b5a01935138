import { afterEach, describe, expect, test } from '@jest/globals'
import { assertPrimary } from '../../src/assert-primary.ts'
import { createReplayPolicy, type ReplayPolicyOptions } from '../../src/policy.ts'
import { currentScope, runOnPrimary } from '../../src/request/scope.ts'
import { decodeToken, encodeToken, type Freshness } from '../../src/token.ts'
import { FakeDatabase, type FakeDatabaseOptions, toLsn } from '../support/fake-database.ts'
import { attend, begin, incoming } from '../support/incoming.ts'

const secret = 'a secret of thirty-two characters'
const databases: FakeDatabase[] = []
afterEach(async () => {
  for (const { replication } of databases.splice(0)) await replication.end()
})

function app(more: FakeDatabaseOptions & Partial<ReplayPolicyOptions> = {}) {
  const database = new FakeDatabase({ role: 'primary', ...more })
  databases.push(database)
  return { database, policy: createReplayPolicy({ databases: [database], ...more }) }
}
const token = (fresh: Freshness, secrets: string[] = [], name = 'app') => encodeToken(new Map([[name, fresh]]), secrets)
const withCookie = (value: string, more = {}) => incoming({ headers: { cookie: `a=1; flyroute=${value}`, ...more } })
const place = (value: string | undefined, name = 'app') => decodeToken(value).get(name)

describe('a token is given', () => {
  test('for a write, in a cookie and in a header, the same in both', async () => {
    const { policy, database } = app()
    const ended = await attend(policy, incoming({ method: 'POST' }), () => database.write())
    expect(place(ended.headers['flyroute-token'])).toMatchObject({ cluster: 'c', epoch: 1, at: '0/1' })
    expect(ended.cookies).toEqual([expect.stringContaining(`flyroute=${ended.headers['flyroute-token']}; `)])
  })

  test('for a write in a GET, and for one that went over the ocean', async () => {
    const { policy, database } = app()
    expect((await attend(policy, incoming(), () => database.write())).cookies).toHaveLength(1)
    const there = app({ role: 'replica' })
    const ended = await attend(there.policy, incoming(), () => runOnPrimary(() => there.database.write()))
    expect(place(ended.headers['flyroute-token'])).toMatchObject({ at: '0/1' })
  })

  test('for nothing else: no read renews one', async () => {
    for (const role of ['primary', 'replica'] as const) {
      const { policy, database } = app({ role, at: 9 })
      await database.replication.prober.probe()
      const read = await attend(policy, withCookie(token(database.position(3))))
      expect([read.cookies, read.headers]).toEqual([[], {}])
    }
  })

  test('for a job of the same database, signed with the same secret', async () => {
    const { database } = app({ secret: [secret, 'an older secret of thirty-two'.padEnd(32, '.')], at: 7 })
    const signed = await database.replication.currentToken()
    expect(decodeToken(signed, { secrets: [secret] }).get('app')).toMatchObject({ at: '0/7' })
    await database.replication.waitFor(signed)
    const later = token({ ...database.position(9), epoch: 2 })
    // Not signed with it: it asks for nothing.
    await database.replication.waitFor(later)
  })

  test('not at all with consistency none, and none is read then', async () => {
    const { policy, database } = app({ consistency: 'none' })
    const ended = await attend(policy, withCookie(token(database.position(9))), () => database.write())
    expect([ended.cookies, ended.headers, ended.visit.incoming.size]).toEqual([[], {}, 0])
  })

  test('in one carrier only, under a name of one’s own, where the app says so', async () => {
    const header = app({ cookie: false, tokenHeader: 'X-Token' })
    const first = await attend(header.policy, incoming(), () => header.database.write())
    expect([first.cookies, Object.keys(first.headers)]).toEqual([[], ['x-token']])
    const cookie = app({ cookie: { name: '__Host-t', sameSite: 'Strict' }, tokenHeader: false })
    const second = await attend(cookie.policy, incoming(), () => cookie.database.write())
    expect([second.headers, second.cookies]).toEqual([{}, [expect.stringMatching(/^__Host-t=.*; SameSite=Strict$/)]])
    const back = incoming({ headers: { cookie: second.cookies[0]?.split(';')[0] ?? '' } })
    expect((await attend(cookie.policy, back)).visit.incoming.size).toBe(1)
  })

  test('as the primary for a while where no position could be had', async () => {
    const { policy, database } = app()
    const ended = await attend(policy, incoming(), () => {
      const state = currentScope()?.request
      if (state === undefined) throw new Error('no scope')
      database.replication.written.begins(state)
      database.replication.written.ends(state, 'unknown')
    })
    expect(place(ended.headers['flyroute-token'])).toEqual({ until: expect.any(Number) })
  })

  test('for what was committed before the request failed, with the answer that says so', async () => {
    const { policy, database } = app({ role: 'replica', debugHeader: true })
    const ended = await attend(policy, incoming(), () => {
      runOnPrimary(() => database.write())
      assertPrimary(database.replication.topology)
    })
    expect(ended).toMatchObject({ status: 503, json: { error: { reason: 'already-written' } } })
    expect(place(ended.headers['flyroute-token'])).toMatchObject({ at: '0/1' })
    expect(ended.cookies).toHaveLength(1)
    expect(ended.headers['flyroute-debug']).toMatch(/^region=ams/)
  })

  test('never lowered by an answer that others have overtaken', async () => {
    const { policy, database } = app()
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const slow = attend(policy, incoming(), async () => {
      database.write()
      await held
    })
    const quick = await attend(policy, incoming(), () => database.write())
    release()
    const [late, early] = [place((await slow).headers['flyroute-token']), place(quick.headers['flyroute-token'])]
    expect([early, late]).toEqual([expect.objectContaining({ at: '0/2' }), expect.objectContaining({ at: '0/2' })])
  })

  test('monotonic: for reads as well, never further back than another answer has been', async () => {
    const { policy, database } = app({ role: 'replica', consistency: 'monotonic' })
    const readAt = (at: number) => () => {
      const state = currentScope()?.request
      if (state === undefined) throw new Error('no scope')
      database.replication.written.read(state, database.position(at))
    }
    database.at = 5
    const first = await attend(policy, incoming(), readAt(5))
    expect(place(first.headers['flyroute-token'])).toMatchObject({ at: '0/5' })
    const overtaken = await attend(policy, incoming(), readAt(3))
    expect(place(overtaken.headers['flyroute-token'])).toMatchObject({ at: '0/5' })
    await database.replication.prober.probe()
    const again = await attend(policy, withCookie(token(database.position(4))), readAt(4))
    expect(place(again.headers['flyroute-token'])).toMatchObject({ at: '0/5' })
  })
})

describe('a token is read', () => {
  test('from cookie and header, the stricter of both for each database', async () => {
    const [one, two] = [new FakeDatabase({ name: 'one' }), new FakeDatabase({ name: 'two' })]
    databases.push(one, two)
    const policy = createReplayPolicy({ databases: [one, two], waitTimeoutMs: 0 })
    const cookie = encodeToken(
      new Map<string, Freshness>([
        ['one', one.position(5)],
        ['two', two.position(1)],
      ]),
    )
    const header = encodeToken(
      new Map<string, Freshness>([
        ['one', one.position(2)],
        ['two', { until: Date.now() + 5_000 }],
      ]),
    )
    const { visit } = await attend(policy, withCookie(cookie, { 'flyroute-token': header }))
    expect(visit.incoming.get('one')).toMatchObject({ at: '0/5' })
    expect(visit.incoming.get('two')).toEqual({ until: expect.any(Number) })
  })

  const position = { cluster: 'c', epoch: 1, at: '0/9', time: Date.now() }
  test.each([
    ['of a database that this app does not have', token(position, [secret], 'other')],
    ['with a place that is none', token({ ...position, at: "'; drop table" }, [secret])],
    ['unsigned', token(position)],
    ['signed by somebody else', token(position, ['somebody else entirely'])],
    ['expired', token({ ...position, time: Date.now() - 90_000_000 }, [secret])],
    ['of the far future', token({ ...position, time: Date.now() + 90_000_000 }, [secret])],
    ['over-long', `1.${'A'.repeat(50_000)}`],
    ['garbage', '%00;\u0001'],
    ['empty', ''],
  ])('as none, where it is %s: no question, no wait, no replay', async (_, value) => {
    const { policy, database } = app({ role: 'replica', secret })
    const request = { ...incoming(), header: (name: string) => (name === 'flyroute-token' ? value : undefined) }
    const visit = policy.before(request)
    expect(visit).toMatchObject({ answer: undefined, why: 'local' })
    expect(database.asked).toBe(0)
  })
})

describe('a replica', () => {
  test('answers at once where it is known to be fresh, asks where it is not, and replays where it is behind', async () => {
    const { policy, database } = app({ role: 'replica', waitTimeoutMs: 30 })
    database.at = 5
    const there = () => attend(policy, withCookie(token(database.position(5))))
    expect(await there()).toMatchObject({ ran: true, visit: { why: 'caught-up' } })
    const { asked } = database
    expect(await there()).toMatchObject({ ran: true, visit: { why: 'fresh' } })
    expect(database.asked).toBe(asked)
    const behind = await attend(policy, withCookie(token(database.position(6))))
    expect(behind).toMatchObject({ ran: false, status: 409 })
    expect(behind.headers['fly-replay']).toContain('state=flyroute:stale@app')
    expect(behind.cookies).toEqual([])
  })

  test('behind, for a request that cannot be replayed: the handler runs, and its statements know what they need', async () => {
    const { policy, database } = app({ role: 'replica', waitTimeoutMs: 10 })
    const need = database.position(9)
    const ended = await attend(policy, withCookie(token(need), { upgrade: 'websocket' }), () =>
      expect(database.replication.freshness.need()).toEqual(need),
    )
    expect(ended).toMatchObject({ ran: true, status: 200, visit: { why: 'stale' } })
  })

  test('of another cluster replays without a wait', async () => {
    const { policy, database } = app({ role: 'replica', waitTimeoutMs: 60_000 })
    const behind = await attend(policy, withCookie(token({ ...database.position(0), cluster: 'other' })))
    expect(behind.headers['fly-replay']).toContain('stale')
  })

  test('gives up with its client', async () => {
    const { policy, database } = app({ role: 'replica', waitTimeoutMs: 60_000 })
    const controller = new AbortController()
    const visit = begin(policy, { ...withCookie(token(database.position(9))), signal: controller.signal })
    controller.abort()
    expect((await visit).why).toBe('stale')
    expect(database.replication.freshness.waiting).toBe(0)
  })
})

describe('the primary', () => {
  const arrival = { 'fly-replay-src': 'instance=1;state=flyroute:stale@app' }

  test('drops a token ahead of it that a replica has sent here: forged, or of a cluster that is gone', async () => {
    for (const forged of [{ at: 'FFFFFFFF/FFFFFFFF' }, { cluster: 'other' }]) {
      const { policy, database } = app({ at: 5 })
      const ended = await attend(policy, withCookie(token(database.position(5, forged)), arrival))
      expect(ended).toMatchObject({ ran: true, status: 200, headers: { 'flyroute-token': '' } })
      expect(ended.cookies).toEqual([expect.stringMatching(/^flyroute=; Max-Age=0; Path=\/; HttpOnly/)])
    }
  })

  test('keeps what it has given, and what it could not judge', async () => {
    const { policy, database } = app({ at: 5 })
    expect((await attend(policy, withCookie(token(database.position(5)), arrival))).cookies).toEqual([])
    const unreachable = app({ at: 5 })
    unreachable.database.at = Number.NaN
    const far = token(unreachable.database.position(9, { at: 'F/0' }))
    expect((await attend(unreachable.policy, withCookie(far, arrival))).status).toBe(200)
  })

  test('is not asked more often than once a second, however many forged tokens come', async () => {
    const { policy, database } = app({ at: 5 })
    await database.replication.prober.probe()
    const forge = (n: number) => withCookie(token(database.position(5, { at: `F/${toLsn(n).slice(2)}` })), arrival)
    for (let n = 1; n <= 200; n++) await attend(policy, forge(n))
    expect(database.asked).toBe(2)
  })

  test('takes its own word over a forged one when it has written', async () => {
    const { policy, database } = app({ at: 5 })
    const forged = token(database.position(5, { at: 'FFFFFFFF/0' }))
    const ended = await attend(policy, withCookie(forged), () => database.write())
    expect(place(ended.headers['flyroute-token'])).toMatchObject({ at: '0/6' })
  })

  test('that was overtaken by another one must not answer: 503, the cookie kept', async () => {
    const { policy, database } = app({ at: 500 })
    for (const more of [{}, arrival]) {
      const ended = await attend(policy, withCookie(token(database.position(6, { epoch: 2 })), more))
      expect(ended).toMatchObject({ ran: false, status: 503, json: { error: { reason: 'stale-primary' } } })
      expect([ended.headers['retry-after'], ended.headers['set-cookie']]).toEqual(['5', undefined])
    }
    database.epoch = 2
    expect((await attend(policy, withCookie(token(database.position(6))))).status).toBe(200)
  })
})

test('a token that does not fit any more is shortened, not thrown at the client', async () => {
  const database = new FakeDatabase({ role: 'primary' })
  databases.push(database)
  database.cluster = 'x'.repeat(4_000)
  const policy = createReplayPolicy({ databases: [database] })
  const ended = await attend(policy, incoming(), () => database.write())
  expect(place(ended.headers['flyroute-token'])).toEqual({ until: expect.any(Number) })
})

describe('answers of several machines', () => {
  const machine = (machineId: string, at = 0) => app({ machineId, at })
  /** What a browser makes of cookies, whichever of them come first. */
  const browser = (...answers: { cookies: readonly string[] }[]) => {
    const jar = new Map<string, string>()
    for (const line of answers.flatMap(({ cookies }) => cookies)) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (line.includes('Max-Age=0;')) jar.delete(name)
      else jar.set(name, value)
    }
    return jar
  }
  const header = (jar: ReadonlyMap<string, string>) => ({ cookie: [...jar].map((pair) => pair.join('=')).join('; ') })
  const write = ({ policy, database }: ReturnType<typeof app>, headers = {}) =>
    attend(policy, incoming({ method: 'POST', headers }), () => database.write())

  test('that overtake each other do not take the client back', async () => {
    const [first, second] = [machine('aaaaaa', 4), machine('bbbbbb', 8)]
    const [earlier, later] = [await write(first), await write(second)]
    for (const order of [
      [earlier, later],
      [later, earlier],
    ]) {
      const { visit } = await attend(app().policy, incoming({ headers: header(browser(...order)) }))
      expect(visit.incoming.get('app')).toMatchObject({ at: '0/9' })
    }
  })

  test('leave eight cookies at most, and the newest tokens in them', async () => {
    let jar = new Map<string, string>()
    for (let index = 0; index < 12; index++) {
      const answer = await write(machine(`00000${index.toString(16)}`, index * 16), header(jar))
      jar = browser({ cookies: [...jar].map(([name, value]) => `${name}=${value}`) }, answer)
    }
    expect(jar.size).toBe(8)
    expect(jar.has('flyroute.00000b')).toBe(true)
    const { visit } = await attend(app().policy, incoming({ headers: header(jar) }))
    expect(visit.incoming.get('app')).toMatchObject({ at: '0/B1' })
  })

  test('are all forgotten with what was forged', async () => {
    const { policy, database } = machine('cccccc')
    const forged = token(database.position(99, { cluster: 'other' }))
    const headers = {
      cookie: `flyroute=${forged}; flyroute.dddddd=${forged}`,
      'fly-replay-src': 'state=flyroute:stale@app',
    }
    const { cookies } = await attend(policy, incoming({ headers }))
    expect(cookies.map((line) => line.split('; ').slice(0, 2).join())).toEqual([
      'flyroute.cccccc=,Max-Age=0',
      'flyroute=,Max-Age=0',
      'flyroute.dddddd=,Max-Age=0',
    ])
  })

  test('may come back as a list in the header, from clients that do without cookies', async () => {
    const tokens = [await write(machine('aaaaaa', 8)), await write(machine('bbbbbb', 4))].map(
      ({ headers }) => headers['flyroute-token'],
    )
    const list = incoming({ headers: { 'flyroute-token': tokens.join(', ') } })
    expect((await attend(app().policy, list)).visit.incoming.get('app')).toMatchObject({ at: '0/9' })
  })
})
