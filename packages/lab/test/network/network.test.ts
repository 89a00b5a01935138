import { expect, test } from '@jest/globals'
import { Network } from '../../src/network/network.ts'
import { covers, places } from '../../src/network/regions.ts'

test('round trips are estimated by distance, and can be overridden in either order', () => {
  const network = new Network({ 'gru-ams': 190 })
  expect(network.roundTrip('ams', 'gru')).toBe(190)
  expect(network.roundTrip('ams', 'ams')).toBe(0)
  // Measured on the Internet: about 95, 130, 195 and 8 ms.
  expect(network.roundTrip('ord', 'ams')).toBeCloseTo(95, -1)
  expect(network.roundTrip('ord', 'gru')).toBeCloseTo(120, -1)
  expect(network.roundTrip('iad', 'syd')).toBeCloseTo(220, -1)
  expect(network.roundTrip('cdg', 'lhr')).toBeLessThan(10)
  expect(() => network.roundTrip('ord', 'xyz')).toThrow('give one in `rtt`')
})

test('the triangle of every three regions holds: no detour is faster', () => {
  const network = new Network()
  const codes = Object.keys(places)
  for (const a of codes)
    for (const b of codes)
      for (const c of codes) {
        expect(network.roundTrip(a, b)).toBeLessThanOrEqual(network.roundTrip(a, c) + network.roundTrip(c, b) + 4)
      }
})

test.each([
  ['ord', 'ord', true],
  ['ord', 'ams', false],
  ['us', 'ord', true],
  ['usa', 'sjc', true],
  ['us', 'yyz', false],
  ['na', 'yyz', true],
  ['na', 'ord', true],
  ['eu', 'lhr', true],
  ['sa', 'gru', true],
  ['apac', 'syd', true],
  ['apac', 'jnb', false],
  ['any', 'jnb', true],
  ['any', 'xyz', true],
])('%s covers %s: %s', (name, region, expected) => {
  expect(covers(name, region)).toBe(expected)
})
