import { expect, test } from '@jest/globals'
import { FakeDatabase } from '../support/fake-database.ts'

test('who asks while a question is under way shares the next one, so that no answer is older than its question', async () => {
  const standIn = new FakeDatabase({ at: 1 })
  const { prober } = standIn.replication
  const first = prober.probe()
  const [second, third] = [prober.probe(), prober.probe()]
  standIn.at = 2
  expect([(await first).at, (await second).at, (await third).at]).toEqual(['0/1', '0/2', '0/2'])
  expect(standIn.asked).toBe(2)
})

test('the role is asked again at most every half second, unless it is urgent', async () => {
  const standIn = new FakeDatabase()
  const { prober } = standIn.replication
  for (let i = 0; i < 5; i++) {
    prober.recheckRole()
    await prober.probe()
  }
  const { asked } = standIn
  prober.recheckRole()
  expect(standIn.asked).toBe(asked)
  prober.recheckRole(true)
  expect(standIn.asked).toBe(asked + 1)
})
