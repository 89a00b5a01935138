import { createRequestState, gtids, type Position } from '@flyroute/core/adapter'
import { expect, test } from '@jest/globals'
import { Written } from '../../src/replication/written.ts'

const at = (at: string): Position => ({ cluster: '', epoch: 0, at, time: 1 })
const later = expect.objectContaining({ until: expect.any(Number) })

test('as long as a position is owed its client reads from the primary; then it is what was written meanwhile', () => {
  const written = new Written('app', gtids)
  const request = createRequestState('request')
  const now = (): unknown => request.positions.get('app')
  written.owes(request)
  written.owes(request)
  expect(now()).toEqual(later)
  written.wrote(request, at('0-1-5'))
  written.pays(request)
  written.read(request, at('0-1-4'))
  expect(now()).toEqual(later)
  written.pays(request)
  expect(now()).toEqual(at('0-1-5'))
})

test('what is owed in vain leaves what was there', () => {
  const written = new Written('app', gtids)
  const request = createRequestState('request')
  written.owes(request)
  written.pays(request)
  expect(request.positions.has('app')).toBe(false)
  written.read(request, at('0-1-3'))
  written.owes(request)
  written.pays(request)
  written.pays(request)
  expect(request.positions.get('app')).toEqual(at('0-1-3'))
})

test('where no position can be had, its client reads from the primary also afterwards', () => {
  const written = new Written('app', gtids)
  const request = createRequestState('request')
  written.owes(request)
  written.wrote(request, undefined)
  written.pays(request)
  written.wrote(request, at('0-1-9'))
  expect(request.positions.get('app')).toEqual(later)
})
