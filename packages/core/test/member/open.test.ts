import { describe, expect, test } from '@jest/globals'
import type { DialectFacts, DialectFactsOptions } from '../../src/dialect/facts.ts'
import { factsOf } from '../../src/dialect/facts-of.ts'
import { lsn } from '../../src/dialect/postgres.ts'
import { MAY_WRITE } from '../../src/dialect/writers.ts'
import { Databases } from '../../src/identity/databases.ts'
import { DriverDatabase, type Member, type PrimaryPool, problemNotices } from '../../src/member/open.ts'
import { type ResolvedOptions, resolveOptions } from '../../src/member/options.ts'
import type { AskedConnection } from '../../src/member/own-connection.ts'
import type { Observation } from '../../src/position.ts'
import { told } from '../support/events.ts'

interface Connected {
  readonly member: Member
  readonly lost: () => void
  isEnded: boolean
}

/** A driver whose servers are what a test says. */
class TestDatabase extends DriverDatabase<PrimaryPool & { isEnded: boolean }> {
  readonly connected: Connected[] = []
  readonly pools: { isEnded: boolean }[] = []

  protected override async connect(member: Member, lost: () => void): Promise<AskedConnection> {
    const connected = { member, lost, isEnded: false }
    this.connected.push(connected)
    const end = async (): Promise<void> => void (connected.isEnded = true)
    return { ask: async () => [[member]], keepAlive: () => undefined, cut: () => undefined, end }
  }

  protected override openPrimary(): PrimaryPool & { isEnded: boolean } {
    const pool = { isEnded: false, end: async () => void (pool.isEnded = true) }
    this.pools.push(pool)
    return pool
  }
}

const env = {
  FLY_REGION: 'ams',
  PRIMARY_REGION: 'ord',
  DATABASE_URL: 'postgres://p/d',
  DATABASE_URL_AMS: 'postgres://r/d',
}
const nowhere = { url: undefined, host: undefined, port: undefined, user: undefined, database: undefined }
let factsOptions: DialectFactsOptions | undefined
function facts(options: DialectFactsOptions = {}): DialectFacts {
  factsOptions = options
  return {
    ...factsOf('postgres'),
    async observe(ask, expected): Promise<Observation> {
      const [[member = ''] = []] = await ask('who are you?')
      return { instance: String(member), role: expected, cluster: 'c', epoch: 1, at: '0/1' }
    },
    writers: async (ask) => (
      await ask('routines'), { routines: new Map([['writes', MAY_WRITE]]), mentions: new Map() }
    ),
  }
}
function databases(): Databases<ResolvedOptions<object>, TestDatabase> {
  const source = { algebra: lsn, isLoginRefused: () => false }
  return new Databases({
    dialect: 'postgres',
    source,
    open: (options, context) => new TestDatabase(options, context, facts),
  })
}
const open = (options: object = {}): TestDatabase =>
  databases().openAlone(resolveOptions({ env, ...options }, 'postgres', nowhere))

describe('what is opened for one configuration', () => {
  test('asks its local server and its primary on connections of their own', async () => {
    const database = open()
    database.use(database)
    expect((await database.replication.prober.probe()).instance).toBe('local')
    expect(await database.replication.prober.primaryAnswers()).toBe(true)
    expect(new Set(database.connected.map(({ member }) => member))).toEqual(new Set(['local', 'primary']))
    await database.leave(database)
    expect(database.connected.every(({ isEnded }) => isEnded)).toBe(true)
  })

  test('asks the same server where that is the primary', async () => {
    const database = open({ region: 'ord' })
    database.use(database)
    expect(await database.replication.prober.primaryAnswers()).toBe(true)
    expect(database.connected.map(({ member }) => member)).toEqual(['local'])
    await database.leave(database)
  })

  test('knows that its own connection was lost', async () => {
    const database = open()
    database.use(database)
    await database.replication.prober.probe()
    expect(database.replication.servers.local).toBeDefined()
    database.connected.find(({ member }) => member === 'local')?.lost()
    expect(database.replication.servers.local).toBeUndefined()
    await database.leave(database)
  })

  test('knows the routines of its server', async () => {
    const database = open()
    database.use(database)
    database.catalogue.refresh()
    await database.catalogue.settled()
    const text = 'select writes()'
    const other = 'select reads()'
    expect(database.catalogue.mayWrite(database.classifier.classify(text), text)).toBe(true)
    await database.catalogue.answers(1_000)
    expect(database.catalogue.isNotKnownYet(database.classifier.classify(text), text)).toBe(false)
    expect(database.catalogue.isNotKnownYet(database.classifier.classify(other), other)).toBe(true)
    await database.leave(database)
  })

  test('opens its pool to the primary when that is needed, once, and ends it with its last user', async () => {
    const database = open()
    const [first, second] = [{}, {}]
    database.use(first)
    database.use(second)
    expect(database.pools).toEqual([])
    const { primary } = database
    expect(database.primary).toBe(primary)
    await database.leave(first)
    await database.leave({})
    expect(primary.isEnded).toBe(false)
    await database.leave(second)
    expect([primary.isEnded, database.primary === primary]).toEqual([true, false])
    await database.leave(second)
  })

  test('keeps the process alive for its end, and no longer', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
    const database = open()
    database.use(database)
    await database.replication.prober.probe()
    const before = timers()
    const leaving = database.leave(database)
    expect(timers()).toBeGreaterThan(before)
    await leaving
    expect(timers()).toBeLessThanOrEqual(before)
  })

  test('is simulated where it is asked for', () => {
    expect(open().simulated).toBe(false)
    expect(factsOptions?.simulated).toBe(false)
    expect(open({ simulate: 'replica' }).simulated).toBe(true)
    expect(factsOptions?.simulated).toBe(true)
  })
})

test('a problem of a server is told once, and where it costs positions, each time with its cause', async () => {
  open()
  const cause = Object.assign(new Error('no'), { code: 'E_NONE' })
  const heard = await told(['notice', 'position-unavailable'], () => {
    for (const problem of ['no-gtids', 'no-gtids', 'accepts-writes', 'modest'] as const)
      factsOptions?.onProblem?.(problem, cause)
  })
  const notice = (problem: keyof typeof problemNotices): unknown => [
    'notice',
    { database: 'd', message: problemNotices[problem] },
  ]
  const position = ['position-unavailable', { database: 'd', code: 'E_NONE' }]
  expect(heard).toEqual([notice('no-gtids'), position, position, notice('accepts-writes'), notice('modest'), position])
  expect(problemNotices['no-gtids']).toMatch(/gtid_mode/)
  expect(problemNotices['accepts-writes']).toMatch(/super_read_only/)
  expect(problemNotices.modest).toMatch(/where it stands/)
})

test('a database that is shared is opened anew after its last user', async () => {
  const all = databases()
  const resolved = resolveOptions({ env }, 'postgres', nowhere)
  const [first, same] = [all.open(resolved), all.open(resolved)]
  expect(same).toBe(first)
  first.use(first)
  await first.leave(first)
  expect(all.open(resolved)).not.toBe(first)
})
