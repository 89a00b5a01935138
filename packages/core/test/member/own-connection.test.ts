import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { DialectFacts } from '../../src/dialect/facts.ts'
import { factsOf } from '../../src/dialect/facts-of.ts'
import { type AskedConnection, OwnConnection, type OwnConnectionOptions } from '../../src/member/own-connection.ts'
import type { Observation, Role } from '../../src/position.ts'

/** A connection of a driver that answers, or does not, as a test has it. */
class Driver implements AskedConnection {
  readonly lost: () => void
  readonly asked: string[] = []
  readonly kept: boolean[] = []
  ended = 0
  cuts = 0
  endsInTime = true
  answer: (sql: string) => Promise<readonly (readonly (string | null)[])[]> = async () => [['answer']]
  askRows?: NonNullable<AskedConnection['askRows']>
  askBoth?: AskedConnection['askBoth']
  address?: string

  constructor(lost: () => void) {
    this.lost = lost
  }

  ask = (sql: string): Promise<readonly (readonly (string | null)[])[]> => {
    this.asked.push(sql)
    return this.answer(sql)
  }

  keepAlive(isNeeded: boolean): void {
    this.kept.push(isNeeded)
  }

  end(): Promise<unknown> {
    this.ended++
    return this.endsInTime ? Promise.resolve() : new Promise(() => undefined)
  }

  cut(): void {
    this.cuts++
  }
}

const econnreset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
const refused = Object.assign(new Error('permission denied'), { code: '42501', severity: 'ERROR' })
let opened: Driver[]
let losses: number
/** What the driver does when it is to connect. */
let opening: ((driver: Driver) => void | Promise<void>) | undefined
let role: Role
let observed: { by: string; address: string | undefined }[]

const observation = (more: Partial<Observation> = {}): Observation => ({
  instance: 'i',
  role,
  cluster: 'c',
  epoch: 1,
  at: '0/1',
  ...more,
})
const facts = (more: Partial<DialectFacts> = {}): DialectFacts => ({
  ...factsOf('postgres'),
  async observe(ask, _, address) {
    const [[by = ''] = []] = await ask('observe')
    observed.push({ by: String(by), address })
    return observation()
  },
  observeAgain: async (ask) => {
    observed.push({ by: `again ${(await ask('again'))[0]?.[0]}`, address: undefined })
    return observation({ at: '0/2' })
  },
  ...more,
})

function own(options: Partial<OwnConnectionOptions> = {}): OwnConnection {
  return new OwnConnection({
    facts: facts(),
    expected: 'replica',
    open: async (lost) => {
      const driver = new Driver(lost)
      await opening?.(driver)
      opened.push(driver)
      return driver
    },
    lost: () => void losses++,
    ...options,
  })
}
const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms)

beforeEach(() => {
  ;[opened, losses, opening, role, observed] = [[], 0, undefined, 'replica', []]
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

describe('the connection', () => {
  test('is opened when it is needed, shared, and kept for a while, without keeping a process alive', async () => {
    const one = own()
    expect(opened).toEqual([])
    expect(await Promise.all([one.ask('a'), one.ask('b')])).toEqual([[['answer']], [['answer']]])
    expect([opened.length, opened[0]?.asked, opened[0]?.kept]).toEqual([1, ['a', 'b'], [true, true, false]])
    await pass(9_900)
    await one.ask('c')
    await pass(9_900)
    expect(opened[0]?.ended).toBe(0)
    await pass(200)
    expect([opened[0]?.ended, opened[0]?.cuts, opened[0]?.kept.at(-1)]).toEqual([1, 0, true])
    await one.ask('d')
    expect(opened.length).toBe(2)
    expect(losses).toBe(0)
  })

  test('is made anew after ten minutes, however often it is asked, and ends with its last answer', async () => {
    const one = own()
    for (let count = 0; count < 66; count++) {
      await one.ask('a')
      await pass(9_000)
    }
    expect([opened.length, opened[0]?.ended]).toEqual([1, 0])
    let answer: (rows: readonly (readonly string[])[]) => void = () => undefined
    opened[0]!.answer = () => new Promise((resolve) => (answer = resolve))
    const late = one.ask('b')
    await pass(1_000)
    await pass(999)
    answer([['late']])
    expect(await late).toEqual([['late']])
    await pass(5_000)
    expect(await one.ask('c')).toEqual([['answer']])
    expect([opened.length, opened[0]?.ended, opened[1]?.asked, losses]).toEqual([2, 1, ['c'], 0])
  })

  test('is not ended while a question is under way on it', async () => {
    const one = own()
    await one.ask('a')
    let answer: (rows: readonly (readonly string[])[]) => void = () => undefined
    opened[0]!.answer = () => new Promise((resolve) => (answer = resolve))
    const late = one.ask('b')
    await pass(1_900)
    answer([['late']])
    expect(await late).toEqual([['late']])
    expect([opened.length, opened[0]?.cuts]).toEqual([1, 0])
  })

  test('is cut where it does not answer in time, in the words of one that was lost', async () => {
    const one = own()
    await one.ask('a')
    opened[0]!.answer = () => new Promise(() => undefined)
    const error = one.ask('b').catch((thrown: unknown) => thrown)
    await pass(1_900)
    expect(opened[0]?.cuts).toBe(0)
    await pass(200)
    expect(await error).toMatchObject({ code: 'ETIMEDOUT', message: expect.stringContaining('2000 ms') })
    // It is not asked a second time: the server hangs.
    expect([opened.length, opened[0]?.cuts]).toEqual([1, 1])
    await one.ask('c')
    expect(opened.length).toBe(2)
  })

  test('that had died while it stood idle is opened anew for the question, once', async () => {
    const one = own()
    await one.ask('a')
    opened[0]!.answer = () => Promise.reject(econnreset)
    expect(await one.ask('b')).toEqual([['answer']])
    expect([opened.length, opened[0]?.cuts, opened[1]?.asked]).toEqual([2, 1, ['b']])
    opened[1]!.answer = () => Promise.reject(econnreset)
    opening = () => Promise.reject(econnreset)
    await expect(one.ask('c')).rejects.toBe(econnreset)
    expect(opened.length).toBe(2)
  })

  test('that has just been opened is not tried twice, and an error of the server’s is its answer', async () => {
    const one = own()
    let tries = 0
    opening = () => (tries++, Promise.reject(econnreset))
    await expect(one.ask('a')).rejects.toBe(econnreset)
    expect(tries).toBe(1)
    opening = undefined
    await one.ask('b')
    opened[0]!.answer = () => Promise.reject(refused)
    await expect(one.ask('c')).rejects.toBe(refused)
    expect(opened.length).toBe(1)
  })

  test('that is lost is told of, unless it was never there, is forgotten already, or has ended', async () => {
    const one = own()
    opening = async (driver) => (await undefined, driver.lost())
    await one.ask('a')
    expect(losses).toBe(0)
    opening = undefined
    await one.ask('b')
    const driver = opened.at(-1)!
    driver.lost()
    driver.lost()
    expect(losses).toBe(1)
    await one.ask('c')
    const last = opened.at(-1)!
    expect(last).not.toBe(driver)
    const ending = one.end()
    last.lost()
    await ending
    expect(losses).toBe(1)
    await expect(own({ lost: undefined }).ask('d')).resolves.toBeDefined()
    opened.at(-1)!.lost()
  })
})

describe('at its end', () => {
  test('it says goodbye, to a server that hangs not for long, and asks nothing more', async () => {
    const one = own()
    await one.ask('a')
    opened[0]!.endsInTime = false
    const ending = one.end()
    await pass(900)
    expect([opened[0]?.ended, opened[0]?.cuts]).toEqual([1, 0])
    await pass(200)
    await ending
    expect(opened[0]?.cuts).toBe(1)
    await expect(one.ask('b')).rejects.toThrow('The pool has ended')
    expect(jest.getTimerCount()).toBe(0)
  })

  test('what could not be opened has no end, and that to the primary ends with it', async () => {
    const primary = own({ expected: 'primary' })
    role = 'primary'
    const one = own({ primary })
    await one.probePrimary()
    opening = () => Promise.reject(econnreset)
    const failing = one.ask('a').catch((error: unknown) => error)
    await one.end()
    expect(await failing).toBeInstanceOf(Error)
    expect([opened.length, opened[0]?.ended]).toEqual([1, 1])
  })
})

describe('what a server says of itself', () => {
  test('is asked in full, and in brief for half a second after that', async () => {
    const one = own()
    opening = (driver) => void (driver.address = 'h:1')
    expect((await one.probe()).at).toBe('0/1')
    expect((await one.probe()).at).toBe('0/2')
    await pass(450)
    expect((await one.probe()).at).toBe('0/2')
    await pass(100)
    expect((await one.probe()).at).toBe('0/1')
    expect(observed.map(({ by }) => by)).toEqual(['answer', 'again answer', 'again answer', 'answer'])
    expect(observed[0]?.address).toBe('h:1')
  })

  test('is asked in full where it tells nothing in brief, and on a new connection', async () => {
    const one = own({ facts: facts({ observeAgain: async () => undefined }) })
    await one.probe()
    expect((await one.probe()).at).toBe('0/1')
    const other = own()
    await other.probe()
    opened.at(-1)!.lost()
    expect((await other.probe()).at).toBe('0/1')
  })

  test('that it is no primary has the next question asked elsewhere, as the name may lead there then', async () => {
    const one = own({ expected: 'primary' })
    await one.probe()
    await pass(1)
    expect(opened[0]?.ended).toBe(1)
    role = 'primary'
    await one.probe()
    await pass(100)
    expect([opened.length, opened[1]?.ended]).toEqual([2, 0])
    const replica = own({ expected: 'replica' })
    await replica.probe()
    await pass(100)
    expect(opened[2]?.ended).toBe(0)
  })

  test('its lag is asked on the same connection', async () => {
    const lag = { lagBytes: 7, lagSeconds: 1 }
    const askedOn: unknown[] = []
    const one = own({
      facts: facts({
        async lag(asked) {
          askedOn.push(asked)
          return lag
        },
      }),
    })
    expect(await one.probeLag()).toMatchObject(lag)
    expect(askedOn).toEqual([opened[0]])
    expect(await own().probeLag()).toEqual(observation())
  })

  test('why it tells no position, where it tells none', async () => {
    const why = new Error('switch them on')
    let at: string | undefined = '0/1'
    const one = own({ facts: facts({ observe: async () => observation({ at }), whyNoPosition: () => why }) })
    expect(one.whyNoPosition()).toBe(why)
    await one.probe()
    expect(one.whyNoPosition()).toBeUndefined()
    at = undefined
    await pass(600)
    await one.probe()
    expect(one.whyNoPosition()).toBe(why)
    expect(own({ facts: facts({ whyNoPosition: undefined } as never) }).whyNoPosition()).toBeUndefined()
  })

  test('of the primary it is asked there, and on itself where that is the same server', async () => {
    const one = own({
      primary: own({
        expected: 'primary',
        facts: facts({ observe: async () => observation({ instance: 'primary' }) }),
      }),
    })
    expect([(await one.probePrimary()).instance, (await one.probe()).instance]).toEqual(['primary', 'i'])
    expect((await own().probePrimary()).instance).toBe('i')
  })
})

describe('a server that is to be left', () => {
  test('is left at once where nothing is asked, and else with its last answer', async () => {
    const one = own()
    one.leave()
    await one.ask('a')
    one.leave()
    await pass(1)
    expect(opened[0]?.ended).toBe(1)
    await one.ask('b')
    let answer: (rows: readonly (readonly string[])[]) => void = () => undefined
    opened[1]!.answer = () => new Promise((resolve) => (answer = resolve))
    const last = one.ask('c')
    await pass(1)
    one.leave()
    await pass(1)
    expect(opened[1]?.ended).toBe(0)
    await one.ask('d')
    expect(opened.length).toBe(3)
    answer([['last']])
    expect(await last).toEqual([['last']])
    await pass(1)
    expect([opened[1]?.ended, opened[2]?.ended, losses]).toEqual([1, 0, 0])
  })

  test('is not left by a connection that is being made: that leads to where the name leads now', async () => {
    const one = own()
    let open: () => void = () => undefined
    opening = () => new Promise<void>((resolve) => (open = resolve))
    const asked = one.ask('a')
    one.leave()
    open()
    await asked
    await pass(1)
    expect([opened.length, opened[0]?.ended]).toEqual([1, 0])
  })
})

describe('a question that the server answers when it has what is wanted', () => {
  const waiting = (options: Partial<DialectFacts> = {}): OwnConnection =>
    own({
      facts: facts({
        replayWait: {
          statement: (at, withinMs) => (at === '' ? undefined : `wait ${at} ${withinMs}`),
          hasWaited: ([row]) => row?.[0] === 'waited',
        },
        ...options,
      }),
    })
  const both =
    (waited: string, pairs: string[]): NonNullable<AskedConnection['askBoth']> =>
    async (first, second) => (pairs.push(`${first}; ${second}`), [[[waited]], [['both']]])

  test('is put only where its connection can ask both, has told something, and it is a position', async () => {
    const one = waiting()
    expect(one.probeArrival('0/9', 20)).toBeUndefined()
    await one.probe()
    expect(one.probeArrival('0/9', 20)).toBeUndefined()
    const pairs: string[] = []
    opening = (driver) => void (driver.askBoth = both('waited', pairs))
    const other = waiting()
    expect(other.probeArrival('0/9', 20)).toBeUndefined()
    await other.ask('a')
    expect(other.probeArrival('0/9', 20)).toBeUndefined()
    await other.probe()
    expect(other.probeArrival('', 20)).toBeUndefined()
    await other.probeArrival('0/9', 20)
    await other.probeArrival('0/9', 20)
    expect(pairs).toEqual(['wait 0/9 20; again', 'wait 0/9 20; again'])
    const without = own({ facts: facts({ replayWait: undefined } as never) })
    await without.probe()
    expect(without.probeArrival('0/9', 20)).toBeUndefined()
  })

  test('is the first one behind the wait, and those after it are plain', async () => {
    const pairs: string[] = []
    opening = (driver) => void (driver.askBoth = both('waited', pairs))
    const one = waiting({
      observeAgain: async () => undefined,
      observe: async (ask) => (await ask('one'), await ask('two'), observation()),
    })
    await one.probe()
    opened[0]!.asked.length = 0
    await one.probeArrival('0/9', 20)
    expect([pairs, opened[0]?.asked]).toEqual([['wait 0/9 20; one'], ['two']])
  })

  test('is not put again where the server has not waited', async () => {
    const pairs: string[] = []
    opening = (driver) => void (driver.askBoth = both('at once', pairs))
    const one = waiting()
    await one.probe()
    expect(await one.probeArrival('0/9', 20)).toMatchObject({ at: '0/2' })
    expect(one.probeArrival('0/9', 20)).toBeUndefined()
  })

  test.each([
    ['what the server refuses is asked plainly, and not again', refused, 'plain'],
    [
      'a conflict is an error',
      Object.assign(new Error('conflict with recovery'), { code: '40001', severity: 'ERROR' }),
      'error',
    ],
  ] as const)('%s', async (_, error, expected) => {
    opening = (driver) => void (driver.askBoth = () => Promise.reject(error))
    const one = waiting()
    await one.probe()
    const arrival = one.probeArrival('0/9', 20)
    if (expected === 'error') return expect(arrival).rejects.toBe(error)
    expect(await arrival).toMatchObject({ at: '0/2' })
    expect([one.probeArrival('0/9', 20), opened[0]?.asked]).toEqual([undefined, ['observe', 'again']])
  })

  test('on a connection that was lost is asked plainly on the next one', async () => {
    opening = (driver) => void (driver.askBoth = () => Promise.reject(econnreset))
    const one = waiting()
    await one.probe()
    expect(await one.probeArrival('0/9', 20)).toMatchObject({ at: '0/1' })
    expect([opened.length, opened[1]?.asked]).toEqual([2, ['observe']])
  })
})
