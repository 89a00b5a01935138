import { expect, test } from '@jest/globals'
import { distanceKm, isKnownRegion, isRegionCode, nearestRegion, regions } from '../src/regions.ts'

const documented = 'ams arn bom cdg dfw ewr fra gru iad jnb lax lhr nrt ord sin sjc syd yyz'.split(' ')

test('every region that the docs list is known, with a place on the globe', () => {
  for (const code of documented) expect(isKnownRegion(code)).toBe(true)
  for (const [code, { name, latitude, longitude }] of Object.entries(regions)) {
    expect(isRegionCode(code)).toBe(true)
    expect(name).not.toBe('')
    expect(Math.abs(latitude)).toBeLessThan(61)
    expect(Math.abs(longitude)).toBeLessThan(180)
  }
})

test.each([
  ['ams', 'lhr', 358],
  ['ord', 'ams', 6600],
  ['gru', 'ord', 8400],
  ['syd', 'nrt', 7820],
  ['sjc', 'nrt', 8400], // across the antimeridian
])('%s and %s are about %i km apart', (from, to, km) => {
  expect(Math.abs(distanceKm(from, to) - km)).toBeLessThan(km * 0.03)
  expect(distanceKm(to, from)).toBe(distanceKm(from, to))
})

test('a region is at no distance from itself, and at an infinite one from a place nobody knows', () => {
  expect(distanceKm('ams', 'ams')).toBe(0)
  expect(distanceKm('zzz', 'zzz')).toBe(0)
  expect(distanceKm('ams', 'zzz')).toBe(Number.POSITIVE_INFINITY)
  expect(distanceKm('ams', 'constructor')).toBe(Number.POSITIVE_INFINITY)
})

test.each([
  ['cdg', ['ams', 'nrt', 'gru'], 'ams'],
  ['arn', ['lhr', 'fra', 'ams'], 'ams'],
  ['jnb', ['gru', 'fra', 'sin'], 'gru'],
  ['syd', ['sin', 'nrt', 'lax'], 'sin'],
  ['ams', ['ams', 'lhr'], 'ams'],
  ['ams', ['zzz', 'syd'], 'syd'], // any distance is nearer than an unknown one
  ['zzz', ['syd', 'ams'], 'ams'], // none is known: the alphabet decides
  ['ams', [], undefined],
])('the nearest to %s among %j is %s, in whatever order they come', (from, candidates, nearest) => {
  expect(nearestRegion(from, candidates)).toBe(nearest)
  expect(nearestRegion(from, [...candidates].reverse())).toBe(nearest)
})

test.each(['AMS', 'am', 'amst', 'a1s', '', 'ams ', '__proto__'])('%j is no region code', (code) => {
  expect(isRegionCode(code)).toBe(false)
})
