import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { beforeEach, expect, test } from '@jest/globals'
import { publish } from '../src/events.ts'
import { forgetEarly } from './support/events.ts'

// Channels belong to the process: other files of tests have told something on them before this one.
beforeEach(() => {
  for (const event of ['notice', 'connected', 'replica-available', 'token-missed'] as const) forgetEarly(event)
})

const heard: unknown[] = []
const listen = (message: unknown): void => void heard.push(message)

test('what came before any subscriber is handed to the first, and to no other', () => {
  publish('notice', { database: 'early', message: 'a' })
  publish('notice', { database: 'early', message: 'b' })
  subscribe('flyroute:notice', listen)
  expect(heard.splice(0)).toEqual(['a', 'b'].map((message) => ({ database: 'early', message })))
  publish('notice', { database: 'early', message: 'c' })
  const others: unknown[] = []
  const other = (message: unknown): void => void others.push(message)
  channel('flyroute:notice').subscribe(other)
  unsubscribe('flyroute:notice', listen)
  unsubscribe('flyroute:notice', other)
  expect(others).toEqual([])
  expect(heard.splice(0)).toEqual([{ database: 'early', message: 'c' }])
})

test('the newest are kept, and only what tells of a state', () => {
  for (let n = 0; n < 20; n++) publish('replica-available', { database: String(n), setting: 'S' })
  publish('token-missed', { database: 'early' })
  for (const event of ['replica-available', 'token-missed']) {
    subscribe(`flyroute:${event}`, listen)
    unsubscribe(`flyroute:${event}`, listen)
  }
  expect(heard.splice(0)).toEqual(Array.from({ length: 16 }, (_, n) => ({ database: String(n + 4), setting: 'S' })))
})

test('it is kept again where no subscriber is left', () => {
  subscribe('flyroute:connected', listen)
  unsubscribe('flyroute:connected', listen)
  publish('connected', { database: 'early', role: 'primary', setting: 'S' })
  subscribe('flyroute:connected', listen)
  unsubscribe('flyroute:connected', listen)
  expect(heard.splice(0)).toHaveLength(1)
})
