import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from '@jest/globals'
import { RouteTable, routeOf } from '../../src/policy/route-table.ts'

test.each([
  ['/posts/12', '/posts/:'],
  ['/posts/12?page=3', '/posts/:'],
  ['/users/0b5e2f5c-0d1c-4c39-9a62-4d4f9a6f6f0e/orders', '/users/:/orders'],
  ['/assets/9f86d081884c7d65', '/assets/:'],
  ['/o/cjld2cjxh0000qzrmn831i7rn', '/o/:'],
  ['/posts/how-to-fly', '/posts/how-to-fly'],
  ['/api/v2/health', '/api/v2/health'],
  ['/deadbeef', '/deadbeef'],
])('%s is the route %s', (path, route) => {
  expect(routeOf('GET', path)).toBe(`GET ${route}`)
})

test('what is known is an exponential mean, of each route by itself, and forgotten in time', () => {
  const table = new RouteTable()
  expect(table.find('GET', '/a', 0)).toBeUndefined()
  table.learn('GET', '/a', { crossings: 5, isDear: true, writes: false }, 0)
  table.learn('GET', '/b', { crossings: 1, isDear: false, writes: false }, 0)
  expect(table.find('GET', '/a', 1)).toMatchObject({ crossings: 5, isOnTrial: false })
  table.learn('GET', '/a', { crossings: 1, isDear: false, writes: false }, 2)
  expect(table.find('GET', '/a', 3)?.crossings).toBe(3)
  expect(table.find('GET', '/b', 3)?.crossings).toBe(1)
  expect(table.find('POST', '/a', 3)?.crossings).toBeUndefined()
  expect(table.find('GET', '/a', 600_003)?.crossings).toBeUndefined()
})

test('a slug that is new is taken for one like the others', () => {
  const table = new RouteTable()
  for (const slug of ['how-to-fly', 'why-to-fly', 'where-to-fly'])
    table.learn('GET', `/posts/${slug}`, { crossings: 4, isDear: true, writes: false })
  expect(table.find('GET', '/posts/when-to-fly')?.crossings).toBe(4)
  expect(table.find('GET', '/posts/when-to-fly/comments')?.crossings).toBeUndefined()
})

test('of those that are replayed one is tried where it is, ever more seldom; one that is cheap is tried again at once', () => {
  const table = new RouteTable()
  table.learn('GET', '/a', { crossings: 5, isDear: true, writes: false })
  const replaysUntilTrial = (): number => {
    for (let count = 0; ; count++) {
      const habit = table.find('GET', '/a')
      if (habit?.isOnTrial) return count
      habit?.replays()
    }
  }
  expect(replaysUntilTrial()).toBe(4)
  for (let trial = 0; trial < 20; trial++) {
    table.find('GET', '/a')?.tries()
    table.learn('GET', '/a', { crossings: 2, isDear: true, writes: false })
    replaysUntilTrial()
  }
  table.find('GET', '/a')?.tries()
  expect(replaysUntilTrial()).toBe(64)
  table.learn('GET', '/a', { crossings: 1, isDear: false, writes: false })
  expect(table.find('GET', '/a')?.isOnTrial).toBe(true)
})

test('that one has come to a write is remembered', () => {
  const table = new RouteTable()
  table.learn('GET', '/visit', { crossings: 2, isDear: true, writes: true })
  table.learn('GET', '/visit', { crossings: 1, isDear: false, writes: false })
  expect(table.find('GET', '/visit')?.writes).toBe(true)
})

test('100,000 paths take less than 1 MB', () => {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  const heap = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const pathOf = (number: number): string => `/${word(number)}/${word(number * 7)}?${'q'.repeat(1_000)}`
  const before = heap()
  const table = new RouteTable()
  for (let number = 0; number < 100_000; number++)
    table.learn('GET', pathOf(number), { crossings: 3, isDear: true, writes: false })
  const grown = heap() - before
  expect(table.find('GET', pathOf(99_999))?.crossings).toBe(3)
  expect(grown).toBeLessThan(1_000_000)
})

/** A word of letters alone. */
function word(number: number): string {
  return [...String(number)]
    .map((digit) => 'abcdefghij'[Number(digit)])
    .join('')
    .padEnd(80, 'k')
}
