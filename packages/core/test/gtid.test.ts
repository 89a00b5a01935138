import { gtids, upTo } from '@flyroute/core/adapter'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { visible } from '../src/dialect/gtid.ts'

const a = '3e11fa47-71ca-11e1-9e33-c80aa9429562'
const b = 'b1e8b452-e740-11f1-a6a7-02fc00000001'

test.each([
  [`${a}:1-5`, `${a}:3`, true],
  [`${a}:1-5`, `${a}:5-6`, false],
  // A maximum would say yes: 4 is missing.
  [`${a}:1-3:5-9`, `${a}:4-6`, false],
  [`${a}:1-3:5-9`, `${a}:2:6-9`, true],
  [`${a}:1-5,${b}:1`, `${b}:1`, true],
  [`${a}:1-5`, `${b}:1`, false],
  // A tag is a source of its own.
  [`${a}:1-5:red:1-2`, `${a}:red:2`, true],
  [`${a}:1-5:red:1-2`, `${a}:red:3`, false],
  [`${a}:1-5`, `${a}:red:1`, false],
  [`${a.toUpperCase()}:1-5,\n${b}:1`, `${a}:5`, true],
  ['0-1-100', '0-1-99', true],
  ['0-1-100', '0-1-101', false],
  // A stale primary counts on, and has a higher number without having what the new one has written.
  ['0-1-100', '0-2-95', false],
  ['0-1-90,0-2-95', '0-1-90,0-2-95', true],
  // Each domain for itself.
  ['0-1-100,1-1-5', '0-1-100,1-1-6', false],
  ['', '', true],
  ['', '0-1-1', false],
  [`${a}:1-5`, '', true],
  // Made from a copy, a replica has no log of what came before: it stands on all of it.
  ['0-2-95', '0-1-90,0-2-95', true],
  ['0-2-95', '0-1-96,0-2-95', false],
  ['0-2-95', '0-1-90,0-2-96', false],
  ['0-2-95', '1-1-90,0-2-95', false],
  ['0-1-89,0-2-95', '0-1-90,0-2-95', false],
  ['nonsense', '0-1-1', false],
  ['0-1-1', 'nonsense', false],
])('what stands at %p covers %p: %p', (reached, wanted, expected) => {
  expect(gtids.covers(reached, wanted)).toBe(expected)
})

test.each([
  [`${a}:1-3`, `${a}:5-9`, `${a}:1-3:5-9`],
  [`${a}:1-3:8`, `${a}:4-7`, `${a}:1-8`],
  [`${b}:1`, `${a}:red:1`, `${a}:red:1,${b}:1`],
  ['0-1-5,1-1-1', '0-1-7,0-2-3', '0-1-7,0-2-3,1-1-1'],
  // 2 has taken over at 90: what 1 has beyond that was lost.
  ['0-1-95', '0-1-90,0-2-93', '0-1-90,0-2-93'],
  ['0-1-95,1-1-5', '0-1-90,0-2-93,1-1-4', '0-1-90,0-2-93,1-1-5'],
  // 1 was the primary up to 40, then 2 up to 90, then 1 again.
  ['0-1-40,0-2-95', '0-1-93,0-2-90', '0-1-93,0-2-90'],
  // Nothing tells which came first.
  ['0-1-95', '0-2-93', '0-1-95,0-2-93'],
])('%p and %p together are %p', (one, other, expected) => {
  expect(gtids.merge(one, other)).toBe(expected)
  expect(gtids.merge(other, one)).toBe(expected)
})

test.each(['0-1', '0-1-1-1', 'x:1', a, `${a}:`, `${a}:5-1`, `${a}:-1`, `${a}:1;drop`])('%p is no position', (text) => {
  expect(gtids.isValid(text)).toBe(false)
})

test('a set of more intervals than any cluster has is none', () => {
  expect(gtids.isValid('0-1-1,'.repeat(2_000))).toBe(false)
})

test('sets: a union covers its parts, and nothing that neither has', () => {
  const number = fc.integer({ min: 1, max: 30 })
  const set = fc
    .array(fc.tuple(fc.constantFrom(a, b, `${a}:red`), number), { maxLength: 12 })
    .map((gtid) => gtid.map(([source, n]) => `${source}:${n}`).join(','))
  fc.assert(
    fc.property(set, set, fc.constantFrom(a, b, `${a}:red`), number, (one, other, source, n) => {
      const union = gtids.merge(one, other)
      expect(gtids.covers(union, one) && gtids.covers(union, other)).toBe(true)
      const gtid = `${source}:${n}`
      expect(gtids.covers(union, gtid)).toBe(gtids.covers(one, gtid) || gtids.covers(other, gtid))
    }),
  )
})

test.each([
  // Own numbers in between are other connections', and short is the text that has them.
  [`${a}:1-5`, `${a}:9`, `${a}:1-9`],
  [`${a}:1-9`, `${a}:5`, `${a}:1-5`],
  // A gap that the server had will never be filled: who waited for it would wait for ever.
  [`${a}:1-5:8-10`, `${a}:12`, `${a}:1-5:8-12`],
  [`${a}:1-5:8-10`, `${a}:9`, `${a}:1-5:8-9`],
  [`${b}:1-4`, `${a}:7`, `${a}:7,${b}:1-4`],
  ['', `${a}:7`, `${a}:7`],
])('with %p behind it, the position of %p is %p', (executed, own, expected) => {
  expect(upTo(executed, own)).toBe(expected)
})

test('a replica of MariaDB shows what it has applied, not what it has logged ahead of the commit', () => {
  expect(visible('0-1-8', '0-1-7')).toBe('0-1-7')
  expect(visible('0-1-5,0-2-8', '0-2-7')).toBe('0-1-5,0-2-7')
  expect(visible('0-1-1', '')).toBe('')
  // Without a log of its own it knows the last one of each domain.
  expect(visible('', '0-1-7,1-3-4')).toBe('0-1-7,1-3-4')
})

test.each([
  ['another server has written since', '0-1-90,0-2-95', true],
  ['its own tail was lost, or is forged', '0-1-101', false],
  ['it has all of it', '0-1-99', false],
  ['of another cluster', '7-9-5', false],
  ['another server has written since, by a token that has not forgotten the time before', '0-1-90,0-2-95,1-1-5', true],
])('a primary at 0-1-100 and a token: %s', (_, wanted, expected) => {
  expect(gtids.isOvertaken?.({ at: '0-1-100', source: '1' }, wanted)).toBe(expected)
})

// 2 was the primary up to 90, then 1 took over.
test.each([
  ['the tail of its predecessor was lost', '0-2-93', false],
  ['… which had been the successor of 1 before that', '0-1-40,0-2-93', false],
  ['its predecessor has taken over again', '0-1-95,0-2-99', true],
  ['a third one has', '0-1-95,0-2-90,0-3-97', true],
  ['a third one has, and nothing is known of the others', '0-2-90,0-3-97', true],
])('a primary at 0-1-100,0-2-90 and a token: %s', (_, wanted, expected) => {
  expect(gtids.isOvertaken?.({ at: '0-1-100,0-2-90', source: '1' }, wanted)).toBe(expected)
})

test.each([
  ['the tail of its predecessor was lost', `${b}:1-12`, false],
  ['its client has seen both', `${a}:1-50,${b}:1-12`, false],
])('a primary of MySQL that had one before it: %s', (_, wanted, expected) => {
  expect(gtids.isOvertaken?.({ at: `${a}:1-55,${b}:1-10`, source: a }, wanted)).toBe(expected)
})

test.each([
  ['another server has written since', `${a}:1-50,${b}:1-3`, true],
  ['its own tail was lost, or is forged', `${a}:1-60`, false],
  ['with a tag', `${a}:red:1-60`, false],
  ['of another cluster', `${b}:1-3`, false],
])('a primary of MySQL and a token: %s', (_, wanted, expected) => {
  expect(gtids.isOvertaken?.({ at: `${a}:1-55:red:1`, source: a }, wanted)).toBe(expected)
})
