import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { lsn } from '../../src/dialect/postgres.ts'
import type { Observation, Role } from '../../src/position.ts'
import { Contact } from '../../src/replication/contact.ts'
import { toLsn } from '../support/fake-database.ts'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

const seen = (role: Role, at: number | undefined, more: Partial<Observation> = {}): Observation => ({
  instance: 'i',
  role,
  cluster: 'c',
  epoch: 1,
  at: at === undefined ? undefined : toLsn(at),
  ...more,
})

/** A primary that answers after a second. */
function primaryAt(position: { at: number; role?: Role; isDown?: boolean }) {
  let asked = 0
  const contact = new Contact(lsn, async () => {
    asked++
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    if (position.isDown) throw new Error('down')
    return seen(position.role ?? 'primary', position.at)
  })
  return { contact, asked: () => asked }
}

test('what the server tells counts, and goes on counting where it tells no more', () => {
  const contact = new Contact(lsn, undefined)
  expect(contact.age(seen('replica', 1))).toBeUndefined()
  expect(contact.age(seen('replica', 1, { lastContactSeconds: 2 }))).toBeCloseTo(2)
  jest.advanceTimersByTime(3_000)
  expect(contact.age(seen('replica', 1))).toBeCloseTo(5)
  // An older word changes nothing.
  expect(contact.age(seen('replica', 1, { lastContactSeconds: 9 }))).toBeCloseTo(5)
  contact.forget()
  expect(contact.age(seen('replica', 1))).toBeUndefined()
})

test('what the primary had, and the replica has, was sent since it was asked', async () => {
  const position = { at: 5 }
  const { contact, asked } = primaryAt(position)
  expect(contact.age(seen('replica', 4))).toBeUndefined()
  expect(contact.age(seen('replica', 4))).toBeUndefined()
  expect(asked()).toBe(1)
  await jest.advanceTimersByTimeAsync(1_000)
  // It has not come as far, by either of its words.
  expect(contact.age(seen('replica', 4))).toBeUndefined()
  expect(asked()).toBe(1)
  // Since it was asked, not since it has answered.
  expect(contact.age(seen('replica', 4, { received: toLsn(5) }))).toBeCloseTo(1)
  await jest.advanceTimersByTimeAsync(1_000)
  expect(contact.age(seen('replica', 5))).toBeCloseTo(1)
  expect(asked()).toBe(3)
})

test('a primary that is down, or none, says nothing, and is asked again', async () => {
  for (const position of [
    { at: 5, isDown: true },
    { at: 5, role: 'replica' as const },
  ]) {
    const { contact, asked } = primaryAt(position)
    for (let n = 1; n < 3; n++) {
      expect(contact.age(seen('replica', 5))).toBeUndefined()
      expect(asked()).toBe(n)
      await jest.advanceTimersByTimeAsync(1_000)
    }
  }
})
