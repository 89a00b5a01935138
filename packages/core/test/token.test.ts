import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { lsn, waitForReplay } from '../src/dialect/postgres.ts'
import { cookieOfMachine, readCookies, writeCookie } from '../src/policy/cookie.ts'
import { hasReached, mergePositions, type Position } from '../src/position.ts'
import { decodeToken, encodeToken, type Freshness, stricter, type TokenContent } from '../src/token.ts'
import { processorMs } from './support/processor.ts'

const now = 1_790_000_000_000
const secret = 'a secret of thirty-two characters'
const position = (more: Partial<Position> = {}): Position => ({
  cluster: '7',
  epoch: 1,
  at: '0/10',
  time: now,
  ...more,
})
const content = (...entries: [string, Freshness][]): TokenContent => new Map(entries)
const raw = (rows: unknown): string => `1.${Buffer.from(JSON.stringify(rows)).toString('base64url')}`

describe('a token', () => {
  const written = content(['app', position()], ['orders', { until: now + 5_000 }])

  test.each([[[]], [[secret]], [[secret, 'an older secret, still accepted']]])(
    'is read as it was written (%j)',
    (secrets) => {
      expect(decodeToken(encodeToken(written, secrets), { secrets, now })).toEqual(written)
    },
  )

  test('is read with any of the secrets, and by nobody without one', () => {
    const token = encodeToken(written, [secret])
    expect(decodeToken(token, { secrets: ['a newer secret that signs', secret], now })).toEqual(written)
    expect(decodeToken(token, { secrets: ['somebody else entirely'], now }).size).toBe(0)
    expect(decodeToken(encodeToken(written), { secrets: [secret], now }).size).toBe(0)
  })

  test('does not survive a change of a single character', () => {
    const token = encodeToken(written, [secret])
    for (let at = 0; at < token.length; at++) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
      expect(decodeToken(changed, { secrets: [secret], now }).size).toBe(0)
    }
  })

  test('needs no escaping in a cookie or a header', () => {
    expect(encodeToken(content(['naïve "name"; €', position()]), [secret])).toMatch(/^[\w.-]+$/)
  })

  test.each([
    ['older than a day', position({ time: now - 86_400_001 })],
    ['far in the future', position({ time: now + 60_001 })],
    ['until a time that is over', { until: now }],
    ['until a time that nobody gives', { until: now + 60_001 }],
  ])('is dropped where it is %s', (_, fresh) => {
    expect(decodeToken(encodeToken(content(['app', fresh])), { now }).size).toBe(0)
  })

  test('of a clock that is a little ahead or behind counts', () => {
    for (const skew of [-50_000, 50_000]) {
      expect(decodeToken(encodeToken(content(['app', position({ time: now + skew })])), { now }).size).toBe(1)
    }
  })

  test('keeps its other databases where one of them is nonsense', () => {
    const good = ['app', '7', 1, '0/10', now]
    const bad: unknown[] = [
      null,
      [],
      'x',
      {},
      ['a'],
      ['a', 'b', 'c'],
      ['a', '7', -1, '0/1', now],
      ['a', '7', 1.5, '0/1', now],
    ]
    bad.push(
      ['a', 7, 1, '0/1', now],
      ['a', '7', 1, 5, now],
      ['a', '7', 1, '0/1', '5'],
      ['a'.repeat(200), '7', 1, '0/1', now],
    )
    bad.push(['a', 'c'.repeat(200), 1, '0/1', now], [['a'], '7', 1, '0/1', now], ['a', Number.MAX_VALUE])
    for (const row of bad) expect([...decodeToken(raw([row, good]), { now }).keys()]).toEqual(['app'])
  })

  test('never has more than sixteen databases', () => {
    const many = Array.from({ length: 40 }, (_, n) => [`d${n}`, '', 0, 'x', now])
    expect(decodeToken(raw(many), { now }).size).toBe(16)
  })

  test.each([
    undefined,
    null,
    '',
    '1.',
    '1',
    '2.e30',
    '1.e30.e30.e30',
    '1.%%%',
    raw('null'),
    raw({}),
    raw('['.repeat(2_000)),
    `1.${'A'.repeat(4_000)}`,
    `1.${'A'.repeat(1_000_000)}`,
    '1.\u0000\uD800',
    5 as never,
    {} as never,
  ])('that is malformed is none (%#)', (token) => {
    for (const secrets of [[], [secret]]) expect(decodeToken(token, { secrets, now })).toEqual(new Map())
  })

  test('of any text never throws, and costs little however long', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `1.${text}`),
          fc.json().map(raw),
        ),
        (text) => {
          for (const secrets of [[], [secret]]) expect(decodeToken(text, { secrets })).toBeInstanceOf(Map)
        },
      ),
    )
    const megabyte = raw(Array.from({ length: 30_000 }, () => ['app', '7', 1, '0/10', now]))
    const decode = (): void => {
      for (let n = 0; n < 10_000; n++) decodeToken(megabyte, { secrets: [secret] })
    }
    expect(processorMs(decode)).toBeLessThan(500)
  })

  test('too long for a cookie says "primary" for a while of its longest position, and keeps the others', () => {
    const long = position({ at: '3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5,'.repeat(100) })
    const token = encodeToken(content(['short', position()], ['long', long]), [secret])
    expect(token.length).toBeLessThan(3_800)
    const read = decodeToken(token, { secrets: [secret], now: Date.now() })
    expect(read.get('long')).toEqual({ until: expect.any(Number) })
    expect(decodeToken(token, { secrets: [secret], now }).get('short')).toEqual(position())
  })
})

describe('positions', () => {
  test('are reached on the same cluster, on the same epoch or a newer one', () => {
    const server = { cluster: '7', epoch: 2, at: '0/20' as string | undefined }
    expect(hasReached(server, position({ at: '0/20', epoch: 2 }), lsn)).toBe(true)
    expect(hasReached(server, position({ at: '0/20', epoch: 1 }), lsn)).toBe(true)
    expect(hasReached(server, position({ at: '0/10', epoch: 3 }), lsn)).toBe(false)
    expect(hasReached(server, position({ at: '0/21', epoch: 2 }), lsn)).toBe(false)
    expect(hasReached(server, position({ cluster: '8' }), lsn)).toBe(false)
    expect(hasReached({ ...server, at: undefined }, position(), lsn)).toBe(false)
    expect(hasReached(server, position({ at: 'DROP TABLE' }), lsn)).toBe(false)
  })

  test('merge to the later one: by place, then by epoch, between clusters by time', () => {
    const [low, high] = [position({ at: '0/FF' }), position({ at: '1/0' })]
    const newer = position({ at: '0/1', epoch: 2 })
    const other = position({ cluster: '8', time: now + 1 })
    for (const [a, b, later] of [
      [low, high, high],
      [high, newer, newer],
      [newer, other, other],
    ] as const) {
      expect(mergePositions(a, b, lsn)).toBe(later)
      expect(mergePositions(b, a, lsn)).toBe(later)
      expect(stricter(a, b, lsn)).toBe(later)
    }
  })

  test('a time on the primary is stricter than any position, the later time stricter still', () => {
    const [soon, late] = [{ until: 1 }, { until: 2 }]
    for (const [a, b, strict] of [
      [soon, position(), soon],
      [soon, late, late],
    ] as const) {
      expect(stricter(a, b, lsn)).toBe(strict)
      expect(stricter(b, a, lsn)).toBe(strict)
    }
  })
})

describe('the cookie', () => {
  const write = (more = {}, host: string | undefined = 'app.example') =>
    writeCookie({ name: 'flyroute', ...more }, '1.x', host)

  test('is for the server alone, on every path, for a day', () => {
    expect(write()).toBe('flyroute=1.x; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax')
    const own = { name: 't', maxAgeSeconds: 60, path: '/app', domain: 'example.com', sameSite: 'Strict' as const }
    expect(write(own)).toBe('t=1.x; Max-Age=60; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=Strict')
    expect(writeCookie({ name: 'flyroute' }, '', 'h')).toMatch(/^flyroute=; Max-Age=0; /)
  })

  test.each(['localhost', 'localhost:3000', '127.0.0.1:8080', '[::1]:3000', 'app.localhost'])(
    'is not Secure on %s, except where a browser insists',
    (host) => {
      expect(write({}, host)).not.toContain('Secure')
      expect(write({ sameSite: 'None' }, host)).toContain('Secure')
      expect(write({ name: '__Host-flyroute' }, host)).toContain('Secure')
    },
  )

  test.each([
    undefined,
    '',
    'localhost.evil.example',
    'example.com:3000',
    '127.evil.example',
    `${'a'.repeat(100_000)}:`,
  ])('is Secure on any other host (%#)', (host) => {
    expect(writeCookie({ name: 'flyroute' }, '1.x', host)).toContain('; Secure;')
  })

  test.each([
    ['flyroute=1.x', '1.x'],
    ['a=1; flyroute=1.x; b=2', '1.x'],
    ['a=1;flyroute="1.x"', '1.x'],
    ['flyroute=old; flyroute=new', 'new'],
    ['xflyroute=no; flyroute2=no; a=flyroute=no', undefined],
    ['flyroute', undefined],
    ['flyroute=', ''],
    [';;; =; =x;flyroute =no;  flyroute=1.x ', '1.x'],
    ['', undefined],
    [undefined, undefined],
  ])('is found in %j', (header, value) => {
    expect(readCookies(header, 'flyroute').get('flyroute')).toBe(value)
  })

  test('has another name on each machine, and all of them are found', () => {
    expect(cookieOfMachine('flyroute', undefined)).toBe('flyroute')
    const names = ['148ed127c04389', '148ed127c0438a'].map((id) => cookieOfMachine('flyroute', id))
    expect(names).toEqual(['flyroute.c04389', 'flyroute.c0438a'])
    const header = `${names[0]}=1.x; a=b; flyroute=1.y; ${names[1]}=1.z; flyroutes.x=no; flyroute.=1.w`
    expect([...readCookies(header, 'flyroute').values()].toSorted()).toEqual(['1.x', '1.y', '1.z'])
    for (const odd of ['', 'a b', 'x;y=z', '=']) expect(cookieOfMachine('flyroute', odd)).toBe('flyroute')
  })

  test('is looked for in no more than one pass', () => {
    const read = (): void => {
      readCookies(';'.repeat(1_000_000), 'flyroute')
      readCookies('flyroute'.repeat(200_000), 'flyroute')
      readCookies('a=b;'.repeat(300_000), 'flyroute')
    }
    expect(processorMs(read)).toBeLessThan(1_000)
  })
})

test('a server is told to wait for what is a position only, and never without end', () => {
  expect(waitForReplay('0/1B90E68', 20)).toBe("wait for lsn '0/1B90E68' with (timeout '20ms', no_throw)")
  expect(waitForReplay('0/1', 0.2)).toContain("timeout '1ms'")
  for (const at of ["0/1'; drop table item; --", '', '0', 'uuid:1-5', '0/1\n'])
    expect(waitForReplay(at, 20)).toBeUndefined()
})
