import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from '@jest/globals'
import { publish } from '../src/events.ts'

const heard: unknown[] = []
const listen = (message: unknown): void => void heard.push(message)

test('what came before any subscriber is handed to the first, and to no other', () => {
  publish('primary-unavailable', { database: 'early', setting: 'a' })
  publish('primary-unavailable', { database: 'early', setting: 'b' })
  subscribe('flyroute:primary-unavailable', listen)
  expect(heard.splice(0)).toEqual(['a', 'b'].map((setting) => ({ database: 'early', setting })))
  publish('primary-unavailable', { database: 'early', setting: 'c' })
  const others: unknown[] = []
  const other = (message: unknown): void => void others.push(message)
  channel('flyroute:primary-unavailable').subscribe(other)
  unsubscribe('flyroute:primary-unavailable', listen)
  unsubscribe('flyroute:primary-unavailable', other)
  expect(others).toEqual([])
  expect(heard.splice(0)).toEqual([{ database: 'early', setting: 'c' }])
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
