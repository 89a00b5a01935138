import { classify } from '@flyroute/core'
import { expect, test } from '@jest/globals'

const functions = { write: ['audit', 'app.pay', 'Orders."Close"'], read: ['nextval', 'app.setval'] }

test.each([
  ['select audit(1)', 'write', 'function:audit'],
  ['select AUDIT (1)', 'write', 'function:audit'],
  ['select app.audit(1)', 'write', 'function:audit'],
  ['select "app"."audit"(1)', 'write', 'function:audit'],
  ['select app.pay(1)', 'write', 'function:app.pay'],
  ['select app . pay (1)', 'write', 'function:app.pay'],
  ['select pay(1)', 'read', 'select'],
  ['select other.pay(1)', 'read', 'select'],
  ['select orders."Close"()', 'write', 'function:Orders."Close"'],
  ['select audit from t', 'read', 'select'],
  ["select 'audit(1)'", 'read', 'select'],
  ["select nextval('a')", 'read', 'select'],
  ["select app.setval('a', 1)", 'read', 'select'],
  ["select setval('a', 1)", 'write', 'function:setval'],
  ['call x(audit(1))', 'write', 'function:audit'],
])('%s: %s', (sql, access, reason) => {
  expect(classify(sql, 'postgres', { functions })).toEqual({ access, reason })
})

test.each(['mysql', 'sqlite'] as const)('%s takes them too', (dialect) => {
  expect(classify('select audit(1)', dialect, { functions })).toEqual({ access: 'write', reason: 'function:audit' })
  expect(classify('select audit(1)', dialect)).toEqual({ access: 'read', reason: 'select' })
})

test('several sets of functions do not mix', () => {
  const one = { functions: { write: ['a'] } }
  const other = { functions: { write: ['b'] } }
  expect(classify('select a()', 'postgres', one).access).toBe('write')
  expect(classify('select a()', 'postgres', other).access).toBe('read')
  expect(classify('select b()', 'postgres', other).access).toBe('write')
  expect(classify('select b()', 'postgres').access).toBe('read')
})
