import { describe, expect, test } from '@jest/globals'
import { cookieOfMachine, noCookies, readCookies, writeCookie } from '../../src/policy/cookie.ts'

describe('the name of the cookie that a machine writes', () => {
  test.each([
    [undefined, 'flyroute'],
    ['3d8d9930c32189', 'flyroute.c32189'],
    ['abc', 'flyroute.abc'],
    ['with space', 'flyroute'],
    ['x;y', 'flyroute'],
    ['', 'flyroute'],
  ])('%s: %s', (machineId, name) => {
    expect(cookieOfMachine('flyroute', machineId)).toBe(name)
  })
})

describe('the cookies of a request', () => {
  test.each<[string | undefined, Record<string, string>]>([
    [undefined, {}],
    ['', {}],
    ['other=1', {}],
    ['flyroute=a', { flyroute: 'a' }],
    ['x=1; flyroute=a ;y=2', { flyroute: 'a' }],
    ['flyroute="a"', { flyroute: 'a' }],
    ['flyroute="a', { flyroute: '"a' }],
    ['flyroute=a"', { flyroute: 'a"' }],
    ['flyroute=a=b', { flyroute: 'a=b' }],
    ['flyroute=', { flyroute: '' }],
    ['flyroute', {}],
    ['flyroute=a; flyroute=b', { flyroute: 'b' }],
    ['flyroute.c32189=a; flyroute.x=b', { 'flyroute.c32189': 'a', 'flyroute.x': 'b' }],
    ['flyroute.c321890=a; flyroute.=b; flyroute.a.b=c; flyroute.a%=d', {}],
    ['flyrouteX=a; Xflyroute=b; flyroute-c=d; flyrouteXc32189=e', {}],
  ])('%s', (header, expected) => {
    expect(Object.fromEntries(readCookies(header, 'flyroute'))).toEqual(expected)
  })

  test('that are none of ours cost no map', () => {
    expect([readCookies(undefined, 'flyroute'), readCookies('a=b', 'flyroute')]).toEqual([noCookies, noCookies])
    expect(readCookies('a=b', 'flyroute')).toBe(noCookies)
  })
})

describe('a set-cookie header', () => {
  const plain = 'flyroute=t; Max-Age=86400; Path=/; HttpOnly'
  test.each([
    [{}, 'app.test', `${plain}; Secure; SameSite=Lax`],
    [{}, undefined, `${plain}; Secure; SameSite=Lax`],
    [{}, 'localhost', `${plain}; SameSite=Lax`],
    [{}, 'LocalHost:3000', `${plain}; SameSite=Lax`],
    [{}, '127.0.0.1:80', `${plain}; SameSite=Lax`],
    [{}, '127.10.20.30', `${plain}; SameSite=Lax`],
    [{}, '[::1]:3000', `${plain}; SameSite=Lax`],
    [{}, 'app.localhost', `${plain}; SameSite=Lax`],
    [{}, 'localhost.evil.example', `${plain}; Secure; SameSite=Lax`],
    [{}, 'notlocalhost', `${plain}; Secure; SameSite=Lax`],
    [{}, '127.0.0.1.evil.example', `${plain}; Secure; SameSite=Lax`],
    [{}, '1127.0.0.1', `${plain}; Secure; SameSite=Lax`],
    [{}, 'localhost:x', `${plain}; Secure; SameSite=Lax`],
    [{ sameSite: 'None' }, 'localhost', `${plain}; Secure; SameSite=None`],
    [{ sameSite: 'Strict' }, 'localhost', `${plain}; SameSite=Strict`],
    [
      { maxAgeSeconds: 7, path: '/app', domain: 'app.test' },
      'app.test',
      'flyroute=t; Max-Age=7; Path=/app; Domain=app.test; HttpOnly; Secure; SameSite=Lax',
    ],
  ] as const)('%j on %s', (attributes, host, expected) => {
    expect(writeCookie({ name: 'flyroute', ...attributes }, 't', host)).toBe(expected)
  })

  test('removes the cookie with an empty value, and is Secure where its name asks for that', () => {
    expect(writeCookie({ name: 'flyroute', maxAgeSeconds: 7 }, '', 'app.test')).toContain('flyroute=; Max-Age=0;')
    expect(writeCookie({ name: '__Host-f' }, 't', 'localhost')).toContain('; Secure;')
  })
})
