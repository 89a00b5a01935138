import { Recorder, Workload } from '@flyroute/testkit/checker'
import { expect, test } from '@jest/globals'

const users = ['ann', 'bob', 'cid']
const plan = (seed: number, rounds = 2_000) => {
  const workload = new Workload({ seed, regions: ['ord', 'ams', 'gru'] })
  return Array.from({ length: rounds }, (_, index) => workload.next(users[index % users.length] as string))
}

test('the same seed plans the same, another one something else', () => {
  expect(plan(7)).toEqual(plan(7))
  expect(plan(7)).not.toEqual(plan(8))
})

test('users roam, read and write in all ways, some of it in parallel, and no write has the id of another', () => {
  const rounds = plan(1)
  const requests = rounds.flatMap((round) => round.requests)
  expect(new Set(requests.map(({ region }) => region))).toEqual(new Set(['ord', 'ams', 'gru']))
  expect(new Set(requests.map(({ name }) => name)).size).toBe(17)
  expect(rounds.some((round) => round.requests.length > 1)).toBe(true)
  const ids = requests.flatMap((request) => request.ids)
  expect(new Set(ids).size).toBe(ids.length)
  const reads = requests.filter(({ ids }) => ids.length === 0).length
  expect(reads / requests.length).toBeGreaterThan(0.5)
  expect(reads / requests.length).toBeLessThan(0.65)
  for (const { method, name } of requests)
    expect(method === 'POST').toBe(!/read|get|primary|twice|two|parallel|function|late/.test(name))
})

test('the recorder keeps what a request did, or what it asked for', async () => {
  let now = 0
  const recorder = new Recorder(() => ++now)
  const planned = { name: 'write', method: 'POST', region: 'ams', key: 'x', ids: ['a'] } as const
  const steps = [{ kind: 'write', key: 'x', id: 'a', version: 3 }] as const
  await recorder.record('ann', planned, async () => ({ status: 200, steps }))
  await recorder.record('ann', planned, async () => ({ status: 503 }))
  await recorder.record('ann', planned, async () => ({}))
  expect(recorder.operations).toMatchObject([
    { begun: 1, ended: 2, outcome: 'acknowledged', steps, late: false },
    { begun: 3, ended: 4, outcome: 'failed', status: 503, steps: [{ kind: 'write', key: 'x', id: 'a' }] },
    { begun: 5, ended: 6, outcome: 'failed', status: undefined },
  ])
})
