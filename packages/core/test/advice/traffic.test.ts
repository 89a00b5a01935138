import { expect, test } from '@jest/globals'
import { Durations } from '../../src/advice/durations.ts'
import { Traffic } from '../../src/advice/traffic.ts'

const routesOf = (traffic: Traffic): string[] => traffic.toJSON().routes.map(({ route }) => route)

test('a time is known to 4 %, however short or long', () => {
  for (const ms of [0.06, 1, 1.5, 99.4, 12_345]) {
    const durations = new Durations()
    durations.add(ms)
    durations.add(ms)
    const [[known, requests] = [0, 0], ...others] = durations.toJSON()
    expect(Math.abs(known - ms) / ms).toBeLessThan(0.04)
    expect([requests, others]).toEqual([2, []])
  }
  const odd = new Durations()
  for (const ms of [0, -1, 1e12]) odd.add(ms)
  const [shortest, longest] = odd.toJSON()
  expect([shortest?.[1], shortest?.[0]]).toEqual([2, expect.closeTo(0.05, 2)])
  expect([longest?.[1], longest?.[0]]).toEqual([1, expect.any(Number)])
})

test('a route is known without the parts that change from thing to thing', () => {
  const traffic = new Traffic()
  expect(traffic.of('GET', '/posts/12?page=2')).toBe(traffic.of('GET', '/posts/345'))
  expect(traffic.of('GET', '/posts/12')).not.toBe(traffic.of('POST', '/posts/12'))
  expect(routesOf(traffic)).toEqual(['GET /posts/:', 'POST /posts/:'])
})

test('routes that look alike are one from the 21st on', () => {
  const traffic = new Traffic()
  const words = [...Array(30).keys()].map((n) => String.fromCharCode(97 + n / 26, 97 + (n % 26)))
  for (const word of words) traffic.of('GET', `/posts/about-${word}`)
  for (const word of words) traffic.of('GET', `/posts/about-${word}/comments`)
  for (const word of words) traffic.of('GET', `/about-${word}`)
  const routes = routesOf(traffic)
  expect(routes).toHaveLength(63)
  expect(routes).toEqual(expect.arrayContaining(['GET /posts/*', 'GET /posts/*/*', 'GET /*', 'GET /posts/about-aa']))
})

test('it stays small, whatever paths clients think of', () => {
  const traffic = new Traffic()
  for (let n = 0; n < 3_000; n++)
    traffic.of('GET', `/${n.toString(26).replace(/\d/g, 'z')}/x${'y'.repeat(n % 7)}`).requests++
  const { routes } = traffic.toJSON()
  expect(routes.length).toBeLessThanOrEqual(401)
  expect(routes.reduce((sum, { requests }) => sum + requests, 0)).toBe(3_000)
  expect(routes.at(-1)?.route).toBe('GET *')
})

test('of many causes the first are told', () => {
  const route = new Traffic().of('GET', '/')
  for (let n = 0; n < 20; n++) for (const cause of ['update a', `update t${n}`]) route.needs(cause)
  expect(Object.keys(route.causes)).toHaveLength(8)
  expect(route.causes).toMatchObject({ 'update a': 20, 'update t0': 1 })
})
