import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { isInHttpRequest, watchHttpRequests } from '../../src/request/http-request.ts'
import { isUnattended, placeOf } from '../../src/request/place.ts'
import { createRequestState } from '../../src/request/state.ts'
import { listen, request } from '../support/http.ts'

test('work in a request is replayed as long as the request can be; a job is outside', () => {
  expect(placeOf(undefined)).toBe('outside')
  expect(placeOf(createRequestState('job'))).toBe('outside')
  const state = createRequestState('request')
  expect(placeOf(state)).toBe('replayed')
  state.answerBegins()
  expect(placeOf(state)).toBeUndefined()
})

test('in an HTTP request that no middleware stands ahead of it is unattended, until that is answered', async () => {
  const seen: unknown[] = []
  let over: () => void = () => undefined
  const isOver = new Promise<void>((resolve) => (over = resolve))
  const look = (): unknown =>
    seen.push([placeOf(undefined), isUnattended(createRequestState('job')), isInHttpRequest()])
  const server = createServer(async (_, response) => {
    await sleep(1)
    look()
    response.end('ok')
    await sleep(1)
    look()
    over()
  })
  await using listening = await listen(server)
  await request(listening.port, 'GET')
  await isOver
  // Nothing is known before it is watched; twice watches once.
  expect(seen.splice(0)).toEqual(Array(2).fill(['outside', false, false]))
  watchHttpRequests()
  watchHttpRequests()
  await request(listening.port, 'GET')
  while (seen.length < 2) await sleep(5)
  expect(seen).toEqual([
    ['unattended', false, true],
    ['outside', false, false],
  ])
  expect(isInHttpRequest()).toBe(false)
})
