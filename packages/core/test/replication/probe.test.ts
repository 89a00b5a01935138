import { describe, expect, jest, test } from '@jest/globals'
import type { Observation } from '../../src/position.ts'
import { told } from '../support/events.ts'
import { FakeDatabase } from '../support/fake-database.ts'

const primary: Observation = { instance: 'p', role: 'primary', cluster: 'c', epoch: 1, at: '0/1' }

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

describe('a question', () => {
  const lost = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })

  test('that fails is asked anew by those who share the next one, and is under way no more', async () => {
    let failure: Error | undefined = lost
    const standIn = new FakeDatabase({
      role: 'primary',
      source: { probe: async () => (failure === undefined ? primary : Promise.reject(failure)) },
    })
    const { prober, servers } = standIn.replication
    const [first, second] = [prober.probe(), prober.probe()]
    failure = undefined
    await expect(first).rejects.toBe(lost)
    expect([await second, servers.local?.id]).toEqual([primary, 'p'])
    expect(await prober.probe()).toBe(primary)
  })

  test.each([
    ['a replica', 'replica', undefined, true],
    ['a replica that refuses the login', 'replica', () => false, false],
    ['a primary', 'primary', undefined, false],
  ] as const)('that fails is an outage of %s: %s', async (_, role, isOutage, isUnavailable) => {
    const source = { probe: () => Promise.reject(lost), ...(isOutage && { isOutage }) }
    const { prober } = new FakeDatabase({ role, source }).replication
    await expect(prober.probe()).rejects.toBe(lost)
    expect(prober.isUnavailable).toBe(isUnavailable)
    await prober.end()
  })

  test('of a server of another cluster has no answer, and has the primary asked anew which is its own', async () => {
    let [asked, ended] = [0, 0]
    const standIn = new FakeDatabase({
      source: { probePrimary: async () => (asked++, { ...primary, cluster: 'other' }), end: async () => void ended++ },
    })
    const { prober, servers } = standIn.replication
    await expect(prober.probe()).rejects.toMatchObject({ code: 'FOREIGN_CLUSTER' })
    expect([asked, servers.local, prober.isUnavailable, prober.isOutage(lost)]).toEqual([1, undefined, true, true])
    await prober.end()
    expect(ended).toBe(1)
  })

  test('with the lag is one of its own where the database has such, and the same one elsewhere', async () => {
    const plain = new FakeDatabase()
    expect([(await plain.replication.prober.probeLag()).at, plain.asked]).toEqual(['0/0', 1])
    const own = new FakeDatabase({ source: { probeLag: async () => ({ ...primary, lagSeconds: 3 }) } })
    expect(await own.replication.prober.probeLag()).toMatchObject({ lagSeconds: 3 })
    expect([own.asked, own.replication.servers.local?.id]).toEqual([0, 'p'])
  })

  test('that needs no waiting is answered at once, where the database can be asked so', () => {
    expect(new FakeDatabase().replication.prober.probeSync()).toBeUndefined()
    const { prober, servers } = new FakeDatabase({ source: { probeSync: () => primary } }).replication
    expect([prober.probeSync()?.id, servers.topology.role]).toEqual(['p', 'primary'])
  })

  test('that the server answers when it has what is wanted is shared like any other', async () => {
    const arrivals: unknown[] = []
    const standIn = new FakeDatabase({
      source: {
        probeArrival: async (at, withinMs) => (arrivals.push([at, withinMs]), { ...primary, role: 'replica', at }),
      },
    })
    const { prober, servers } = standIn.replication
    expect(new FakeDatabase().replication.prober.probeArrival('0/5', 10)).toBeUndefined()
    const arrival = prober.probeArrival('0/5', 10)
    expect(prober.probeArrival('0/6', 10)).toBeUndefined()
    const next = prober.probe()
    expect(await arrival).toMatchObject({ at: '0/5' })
    expect(servers.local?.at).toBe('0/5')
    expect([(await next).at, standIn.asked, arrivals]).toEqual(['0/0', 1, [['0/5', 10]]])
  })
})

describe('a server that is to be left', () => {
  test('is left at most every second: its name may still lead to it', () => {
    let left = 0
    const { prober, servers } = new FakeDatabase({ source: { leave: () => void left++ } }).replication
    const server = servers.connected(primary)
    const clock = Date.now
    const now = clock()
    try {
      for (const [at, times, leftAt] of [
        [0, 1, 0],
        [900, 1, 0],
        [1_100, 2, 1_100],
      ] as const) {
        Date.now = () => now + at
        prober.leaves(server)
        expect([left, server.leftAt]).toEqual([times, now + leftAt])
      }
    } finally {
      Date.now = clock
    }
    const plain = new FakeDatabase().replication
    plain.prober.leaves(plain.servers.connected(primary))
  })

  test('and one that was lost is not the local one any more', async () => {
    const { prober, servers } = new FakeDatabase().replication
    await prober.probe()
    expect(servers.local).toBeDefined()
    prober.connectionLost()
    expect(servers.local).toBeUndefined()
  })
})

test('the primary answers from here, or does not, or cannot be asked', async () => {
  const answers = (probePrimary?: () => Promise<Observation>): Promise<boolean> =>
    new FakeDatabase({ source: { ...(probePrimary && { probePrimary }) } }).replication.prober.primaryAnswers()
  expect(await answers()).toBe(false)
  expect(await answers(async () => primary)).toBe(true)
  expect(await answers(async () => ({ ...primary, role: 'replica' }))).toBe(false)
  await expect(answers(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
})

test('a replica that is out of reach is told of by its code, and so is that it is back', async () => {
  jest.useFakeTimers()
  try {
    let isDown = true
    const standIn = new FakeDatabase({
      source: {
        probe: async () => (isDown ? Promise.reject(new Error('down')) : { ...primary, role: 'replica' }),
        isOutage: (error) => error !== 'login',
      },
    })
    const { prober } = standIn.replication
    const heard = await told(['replica-unavailable', 'replica-available'], async () => {
      prober.reportUnreachable('login')
      expect(prober.isUnavailable).toBe(false)
      prober.reportUnreachable(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))
      await jest.advanceTimersByTimeAsync(500)
      expect(prober.isUnavailable).toBe(true)
      isDown = false
      await jest.advanceTimersByTimeAsync(1_000)
    })
    expect(heard).toEqual([
      ['replica-unavailable', { database: 'app', setting: 'DATABASE_URL_AMS', code: 'ECONNREFUSED' }],
      ['replica-available', { database: 'app', setting: 'DATABASE_URL_AMS' }],
    ])
  } finally {
    jest.useRealTimers()
  }
})

test('one that refuses the login is there: its breaker closes', async () => {
  jest.useFakeTimers()
  try {
    const source = { probe: () => Promise.reject(new Error('login')), isOutage: (error: unknown) => error === 'down' }
    const { prober } = new FakeDatabase({ source }).replication
    prober.reportUnreachable('down')
    expect(prober.isUnavailable).toBe(true)
    await jest.advanceTimersByTimeAsync(150)
    expect(prober.isUnavailable).toBe(false)
  } finally {
    jest.useRealTimers()
  }
})
