import { Catalogue, createClassifier, createStatementMemory, type Writers } from '@flyroute/core/adapter'
import { describe, expect, test } from '@jest/globals'

const write = 1
const hide = 2

/** Not said by the server: there was no way to it. */
const silence = new Error('no connection')

/** A server whose answers the test gives, and whose clock it turns. */
class Server {
  time = 0
  questions = 0
  readonly catalogue: Catalogue
  #answer: ((writers: Writers | Error) => void) | undefined

  constructor() {
    const ask = (): Promise<Writers> => {
      this.questions++
      return new Promise((resolve, reject) => {
        this.#answer = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer))
      })
    }
    this.catalogue = new Catalogue(ask, (error) => error !== silence, { now: () => this.time })
  }

  async says(routines: Record<string, number>, mentions: Record<string, number> = {}): Promise<void> {
    this.#answer!({ routines: new Map(Object.entries(routines)), mentions: new Map(Object.entries(mentions)) })
    await this.catalogue.settled()
  }

  async fails(error = new Error('no')): Promise<void> {
    this.#answer!(error)
    await this.catalogue.settled()
  }
}

const classifier = createClassifier({ dialect: 'postgres' })

function judge({ catalogue }: Server, text: string): string {
  const analysis = classifier.classify(text)
  return [
    catalogue.mayWrite(analysis, text) && 'writes',
    catalogue.mayHideRefusal(analysis, text) && 'hides',
    catalogue.isNotKnownYet(analysis, text) && 'unknown',
    catalogue.mayBeView(analysis, text) && 'view?',
  ]
    .filter(Boolean)
    .join()
}

describe('what a catalogue knows', () => {
  test('before it has answered, a function of the app may do anything, and the server is asked', async () => {
    const server = new Server()
    expect(judge(server, 'select f()')).toBe('writes,unknown')
    expect(judge(server, 'select now()')).toBe('')
    expect(server.questions).toBe(1)
    await server.says({ f: 0 })
    expect(judge(server, 'select f()')).toBe('')
  })

  test('before it has answered, any relation may be a view that writes; where it cannot answer, none is', async () => {
    const server = new Server()
    const texts = ['select now() from t', 'table t', 'execute p']
    expect(texts.map((text) => judge(server, text))).toEqual(['view?', 'view?', 'view?'])
    await server.says({}, { t: write })
    expect(texts.map((text) => judge(server, text))).toEqual(['writes', 'writes', ''])
    const other = new Server()
    expect(judge(other, 'select now() from t')).toBe('view?')
    await other.fails()
    expect(judge(other, 'select now() from t')).toBe('')
  })

  test('views that write are known while the server is asked again; any other name may be a new one', async () => {
    const server = new Server()
    server.catalogue.refresh()
    await server.says({ f: 0 }, { audited: write })
    server.time = 1_000
    server.catalogue.changed()
    expect(judge(server, 'select f()')).toBe('writes,unknown')
    expect(judge(server, 'select * from audited')).toBe('writes,view?')
    expect(judge(server, 'select * from t')).toBe('view?')
    expect(judge(server, 'select 1')).toBe('')
    await server.says({ f: 0 }, { audited: write })
    expect(judge(server, 'select * from t')).toBe('')
  })

  test('an EXECUTE names what its text does', async () => {
    const server = new Server()
    server.catalogue.refresh()
    await server.says({}, { audited: write })
    const memory = createStatementMemory(classifier)
    memory.classify('prepare p as select * from audited')
    memory.classify('prepare q as select * from t')
    memory.remember('r', 'select * from audited')
    const saysOf = (text: string): boolean => server.catalogue.mayWrite(memory.classify(text), text)
    expect(['execute p', 'execute q', 'execute r'].map(saysOf)).toEqual([true, false, true])
  })

  test('a text is as strong as all that it calls and mentions', async () => {
    const server = new Server()
    server.catalogue.refresh()
    await server.says({ 'app.w': write, w: write, r: 0, h: write | hide }, { audited: write, 'an "odd" view': hide })
    expect(judge(server, 'select r(), "W"()')).toBe('writes')
    expect(judge(server, 'select app.w()')).toBe('writes')
    expect(judge(server, 'select r(h())')).toBe('writes,hides')
    expect(judge(server, 'select * from App.AUDITED a')).toBe('writes')
    expect(judge(server, 'select * from audited2, my_audited')).toBe('')
    expect(judge(server, 'select * from "An ""odd"" view"')).toBe('')
    expect(judge(server, 'select * from `an "odd" view`')).toBe('hides')
    expect(server.questions).toBe(1)
  })

  test('a block that runs where it is sent is read for what hides a refusal', async () => {
    const server = new Server()
    server.catalogue.refresh()
    await server.says({ p: write, h: write | hide })
    expect(judge(server, 'do $$ begin perform p(); exception when others then null; end $$')).toBe('writes,hides')
    expect(judge(server, "do $$ begin if pg_is_in_recovery() then raise 'x'; end if; perform 1; end $$")).toBe('hides')
    expect(judge(server, "do $$ begin perform p(); raise exception 'x'; end $$")).toBe('writes')
    expect(judge(server, 'do $$ begin perform h(); end $$')).toBe('writes,hides')
    expect(judge(server, 'call h()')).toBe('writes,hides')
  })

  test('an EXECUTE is judged by what was prepared, each time', async () => {
    const server = new Server()
    server.catalogue.refresh()
    await server.says({ r: 0, w: write })
    const memory = createStatementMemory(classifier)
    memory.classify('prepare p as select r()')
    expect(server.catalogue.mayWrite(memory.classify('execute p'), 'execute p')).toBe(false)
    memory.classify('deallocate p; prepare p as select w()')
    expect(server.catalogue.mayWrite(memory.classify('execute p'), 'execute p')).toBe(true)
  })
})

describe('when the server is asked', () => {
  test('at a name that it does not know, at most once a second; a name that is nowhere is not asked for again', async () => {
    const server = new Server()
    server.catalogue.refresh()
    await server.says({})
    expect(judge(server, 'select late()')).toBe('writes,unknown')
    expect(server.questions).toBe(1)
    server.time = 1_000
    expect(judge(server, 'select late()')).toBe('writes,unknown')
    expect(server.questions).toBe(2)
    await server.says({})
    // No routine of the app has this name: it may be the server's own, and hides nothing.
    expect(judge(server, 'select late()')).toBe('writes')
    server.time = 5_000
    expect(judge(server, 'select late()')).toBe('writes')
    expect(server.questions).toBe(2)
    expect(judge(server, 'select later()')).toBe('writes,unknown')
    expect(server.questions).toBe(3)
    await server.says({ late: 0, later: 0 })
    expect(judge(server, 'select late(), later()')).toBe('')
  })

  test('after a schema change; an answer from before it does not count', async () => {
    const server = new Server()
    expect(judge(server, 'select f()')).toBe('writes,unknown')
    server.catalogue.changed()
    await server.says({ f: 0 })
    expect(judge(server, 'select f()')).toBe('writes,unknown')
    server.time = 1_000
    judge(server, 'select f()')
    expect(server.questions).toBe(2)
    await server.says({ f: write })
    expect(judge(server, 'select f()')).toBe('writes')
    server.time = 2_000
    server.catalogue.changed()
    expect(judge(server, 'select f()')).toBe('writes,unknown')
    expect(server.questions).toBe(3)
  })

  test('at whatever is read, and at a new connection, where the answer is half a minute old', async () => {
    const server = new Server()
    server.catalogue.refresh()
    await server.says({ f: write })
    expect(judge(server, 'select 1')).toBe('')
    server.time = 29_999
    server.catalogue.refresh()
    expect(judge(server, 'select 1')).toBe('')
    expect(server.questions).toBe(1)
    server.time = 30_000
    expect(judge(server, 'select 1')).toBe('')
    expect(server.questions).toBe(2)
    // What is known holds until the answer is there.
    expect(judge(server, 'select f()')).toBe('writes')
    await server.says({ f: 0 })
    expect(judge(server, 'select f()')).toBe('')
    server.time = 60_000
    server.catalogue.refresh()
    expect(server.questions).toBe(3)
  })

  test('more and more seldom, where it does not answer', async () => {
    const server = new Server()
    const asked: number[] = []
    for (server.time = 0; server.time < 30_000; server.time += 100) {
      const before = server.questions
      // A server that cannot be asked leaves nothing but a replica's own refusal.
      expect(judge(server, 'select f()')).toBe(asked.length === 0 ? 'writes,unknown' : 'writes')
      if (server.questions === before) continue
      asked.push(server.time)
      await server.fails()
    }
    expect(asked).toEqual([0, 2_000, 6_000, 14_000])
  })
})

test('who waits for an answer gets it, or the word that there is none; and does not wait for ever', async () => {
  const server = new Server()
  expect(judge(server, 'select f()')).toBe('writes,unknown')
  const known = server.catalogue.answers(2_000)
  await server.says({ f: hide })
  await known
  expect(judge(server, 'select f()')).toBe('hides')
  server.time = 1_000
  expect(judge(server, 'select g()')).toBe('writes,unknown')
  const inVain = server.catalogue.answers(2_000)
  await server.fails()
  await inVain
  expect(judge(server, 'select g()')).toBe('writes')
  const silent = new Server()
  judge(silent, 'select f()')
  await silent.catalogue.answers(0)
  expect(judge(silent, 'select f()')).toBe('writes,unknown')
})

test.each([
  ['an aborted transaction', { code: '25P02' }],
  ['SERIALIZABLE on a standby', { code: '0A000' }],
  ['a time limit', { code: '57014' }],
  ['MySQL: a transaction that is over', { code: 'ER_LOCK_DEADLOCK', sqlState: '40001' }],
])('an error of the session that was asked on is no refusal: %s', async (_, error) => {
  const server = new Server()
  judge(server, 'select f()')
  await server.fails(Object.assign(new Error('no'), error))
  expect(judge(server, 'select f()')).toBe('writes,unknown')
})

test('where there was no way to the server, what is called stays unknown, and is not waited for until it has answered', async () => {
  const server = new Server()
  expect(judge(server, 'select f()')).toBe('writes,unknown')
  await server.fails(silence)
  expect(judge(server, 'select f()')).toBe('writes,unknown')
  await server.catalogue.answers(Number.POSITIVE_INFINITY)
  server.time = 2_000
  judge(server, 'select f()')
  await server.says({ f: 0 })
  expect(judge(server, 'select f()')).toBe('')
})

describe('who looks for a name while the server is being asked', () => {
  test('is answered with the others', async () => {
    const server = new Server()
    server.catalogue.refresh()
    expect(judge(server, 'select f()')).toBe('writes,unknown')
    const waiting = server.catalogue.answers(10_000)
    await server.says({ f: 0 })
    await waiting
    expect(server.questions).toBe(1)
    expect(judge(server, 'select f()')).toBe('')
  })

  test('has it asked once more at once, where it is not among them', async () => {
    const server = new Server()
    server.catalogue.refresh()
    expect(judge(server, 'select f()')).toBe('writes,unknown')
    const waiting = server.catalogue.answers(10_000)
    await server.says({})
    await new Promise(setImmediate)
    expect(server.questions).toBe(2)
    await server.says({})
    await waiting
    expect(judge(server, 'select f()')).toBe('writes')
  })
})

describe('what was asked on another connection', () => {
  const said: Writers = { routines: new Map([['f', 0]]), mentions: new Map() }

  test('is known, although the own question has no answer', async () => {
    const server = new Server()
    expect(judge(server, 'select f(), g()')).toBe('writes,unknown')
    await server.catalogue.learns(Promise.resolve(said))
    expect([judge(server, 'select f()'), judge(server, 'select g()')]).toEqual(['', 'writes'])
  })

  test('does not count where the schema has changed meanwhile, or where it has failed', async () => {
    const server = new Server()
    expect(judge(server, 'select f()')).toBe('writes,unknown')
    const late = server.catalogue.learns(Promise.resolve(said))
    server.catalogue.changed()
    await late
    await expect(server.catalogue.learns(Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(judge(server, 'select f()')).toBe('writes,unknown')
  })
})

test('what was judged by one catalogue is judged anew by another', async () => {
  const [one, other] = [new Server(), new Server()]
  for (const server of [one, other]) server.catalogue.refresh()
  await one.says({ f: 0 })
  await other.says({ f: write })
  expect(judge(one, 'select f()')).toBe('')
  expect(judge(other, 'select f()')).toBe('writes')
  expect(judge(one, 'select f()')).toBe('')
})
