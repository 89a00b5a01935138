import { expect, test } from '@jest/globals'
import { apps } from './advise/apps.ts'
import { compare } from './advise/compare.ts'

// The others: `pnpm check:advise`.
const [app] = apps

test('what is predicted of an app is what the lab measures then', async () => {
  if (app === undefined) throw new Error('There is no app')
  const { advice, comparisons } = await compare(app)
  expect(advice).toMatchObject({ primary: 'ord', processes: 1, requests: 73, writing: 24 / 73 })
  const reasons = advice.reasons.map(({ name, routes }) => `${name} ${routes.join()}`)
  expect(reasons).toEqual(['write-on-read GET /posts/:', 'write-on-read GET /report'])
  expect(comparisons.filter(({ isNear }) => !isNear)).toEqual([])
  expect(comparisons.map(({ region, what }) => `${region} ${what}`)).toEqual([
    'ams now',
    'ams withReplica',
    'gru withoutReplica',
  ])
}, 120_000)
