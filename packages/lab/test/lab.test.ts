import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type JournalEntry, type Lab, type OutputLine, startLab } from '../src/index.ts'
import { eventually } from './support.ts'

const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name)
const roundTrip = 40
let lab: Lab
const output: OutputLine[] = []

beforeAll(async () => {
  process.env['DATABASE_URL'] = 'postgres://not.this.one/'
  process.env['FLY_REGION'] = 'xyz'
  lab = await startLab({
    regions: ['ord', 'ams', 'gru'],
    replicas: ['ams'],
    command: [process.execPath, fixture('database-app.mjs')],
    setup: [process.execPath, fixture('migrate.mjs')],
    rtt: { 'ord-ams': roundTrip, 'ord-gru': 50, 'ams-gru': 60 },
    env: ({ region, index, replicaUrls }) => ({ OWN: `${region} ${index} ${Object.keys(replicaUrls).join()}` }),
    output: (line) => output.push(line),
  })
})
afterAll(async () => {
  delete process.env['DATABASE_URL']
  delete process.env['FLY_REGION']
  await lab.dispose()
})

interface Answer<Row> {
  row: Row
  ms: number
}

async function ask<Row>(region: string, path: string, sql = ''): Promise<Answer<Row>> {
  const response = await lab.fetch(region, `${path}?sql=${encodeURIComponent(sql)}`)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text) as Answer<Row>
}

test('a Machine has the environment of Fly.io, and knows its databases', async () => {
  const machine = lab.machine('ams')
  const env = (await (await lab.fetch('ams', '/env')).json()) as Record<string, string>
  expect(env).toMatchObject({
    FLY_APP_NAME: 'app',
    FLY_REGION: 'ams',
    FLY_MACHINE_ID: machine.id,
    FLY_ALLOC_ID: machine.id,
    FLY_PRIVATE_IP: '127.0.0.1',
    FLY_PROCESS_GROUP: 'app',
    PRIMARY_REGION: 'ord',
    PORT: String(machine.port),
    DATABASE_URL: expect.stringMatching(/^postgres:\/\/app:\w+@127\.0\.0\.1:\d+\/app$/),
    DATABASE_URL_AMS: lab.databases.node('ams').url,
    OWN: 'ams 0 ams',
  })
  expect(Object.keys(env).filter((name) => name.startsWith('DATABASE_'))).toHaveLength(2)
})

test('setup ran once, in the primary region, before the app', async () => {
  expect((await ask('ams', '/local', 'SELECT * FROM migrations')).row).toEqual({ region: 'ord' })
  expect(output.filter((line) => line.machine === 'setup')).toMatchObject([
    { region: 'ord', stream: 'stdout', text: 'migrated' },
  ])
})

/** The fastest of some: a busy machine makes one late, a missing ocean makes none early. */
async function fastest(region: string, path: string, times = 5): Promise<number> {
  const all: number[] = []
  for (let time = 0; time < times; time += 1) all.push((await ask(region, path, 'SELECT 1')).ms)
  return Math.min(...all)
}

test('a query to the local replica takes no time, one across the ocean a round trip', async () => {
  expect(await fastest('ams', '/local')).toBeLessThan(roundTrip / 2)
  expect(await fastest('ord', '/primary')).toBeLessThan(roundTrip / 2)
  const far = await fastest('ams', '/primary')
  expect(far).toBeGreaterThanOrEqual(roundTrip - 1)
  expect(far).toBeLessThan(2 * roundTrip)
  // TCP's handshake, the start-up packet, two turns of SCRAM.
  expect(await fastest('ams', '/connect', 1)).toBeGreaterThanOrEqual(4 * roundTrip - 1)
})

test('a region without a replica has the replicas of the others in reach', async () => {
  const env = (await (await lab.fetch('gru', '/env')).json()) as Record<string, string>
  expect(env['DATABASE_URL_AMS']).not.toBe(lab.databases.node('ams').url)
  expect(env).not.toHaveProperty('DATABASE_URL_GRU')
})

test('a replica is added in a region and taken away again; a Machine that starts is told of what there is then', async () => {
  const urlOf = async (): Promise<string | undefined> =>
    ((await (await lab.fetch('ams', '/env')).json()) as Record<string, string>)['DATABASE_URL_GRU']
  const ports: unknown[] = []
  for (let time = 0; time < 2; time += 1) {
    await lab.addReplica('gru')
    await Promise.all([lab.restart('gru'), lab.restart('ams')])
    expect((await ask('gru', '/local', 'SELECT pg_is_in_recovery() AS standby')).row).toEqual({ standby: true })
    ports.push(new URL((await urlOf()) ?? '').port)
    await lab.removeReplica('gru')
    await Promise.all([lab.restart('gru'), lab.restart('ams')])
    expect(await urlOf()).toBeUndefined()
  }
  expect(ports[0]).not.toBe(ports[1])
  await expect(lab.removeReplica('ord')).rejects.toThrow('ord is the primary, which cannot be taken away')
})

test('the log crosses the ocean too', async () => {
  const seen = 'SELECT count(*)::int AS n FROM migrations'
  const count = async (): Promise<number> => ((await ask('ams', '/local', seen)).row as { n: number }).n
  // On a busy machine the question may take longer than the ocean: one that is there first is enough.
  let isAhead = false
  for (let attempts = 0; attempts < 10 && !isAhead; attempts++) {
    const before = await count()
    await ask('ord', '/primary', "INSERT INTO migrations VALUES ('late')")
    isAhead = (await count()) === before
    await lab.databases.caughtUp()
    expect(await count()).toBe(before + 1)
  }
  expect(isAhead).toBe(true)
})

test('a cut link stops requests, queries and the log; healed, all go on', async () => {
  lab.cut('ord', 'ams')
  await ask('ord', '/primary', "INSERT INTO migrations VALUES ('cut off')")
  await expect(lab.databases.caughtUp(2 * roundTrip)).rejects.toThrow('ams stands at')
  const late = ask<{ n: number }>('ams', '/primary', 'SELECT count(*)::int AS n FROM migrations')
  expect(await Promise.race([late, ask('ams', '/local', 'SELECT 1 AS one')])).toMatchObject({ row: { one: 1 } })
  lab.heal('ord', 'ams')
  expect((await late).row).toEqual({ n: 3 })
  await lab.databases.caughtUp()
})

test('the journal tells each request as it ends, to listeners and to a loop', async () => {
  const heard: JournalEntry[] = []
  const stop = lab.journal.onEntry((entry) => heard.push(entry))
  const iterator = lab.journal[Symbol.asyncIterator]()
  const next = iterator.next()
  await ask('gru', '/local', 'SELECT 1')
  await eventually('it was heard', () => heard.length === 1)
  stop()
  expect((await next).value).toBe(heard[0])
  await iterator.return(undefined)
  expect(heard[0]).toMatchObject({ edge: 'gru', path: '/local?sql=SELECT%201', status: 200, hops: [{ region: 'gru' }] })
  expect(heard[0]?.responseBytes).toBeGreaterThan(10)
})

test('after a promotion DATABASE_URL leads to the new primary; a restarted app is told of the replicas there are', async () => {
  const inRecovery = 'SELECT pg_is_in_recovery() AS standby'
  await lab.databases.primary.kill()
  await lab.databases.node('ams').promote()
  await eventually('the app has given up its old connection', async () =>
    ask('ord', '/primary', inRecovery).then(
      ({ row }) => (row as { standby: boolean }).standby === false,
      () => false,
    ),
  )
  await lab.databases.node('ord').follow(lab.databases.primary)
  await lab.restart('ord')
  expect((await ask('ord', '/local', inRecovery)).row).toEqual({ standby: true })
  expect((await ask('ord', '/primary', inRecovery)).row).toEqual({ standby: false })
})

test('regions that there are not are a RangeError', async () => {
  expect(() => lab.url('syd')).toThrow(RangeError)
  expect(() => lab.machine('ams', 1)).toThrow('no Machine 1 in ams')
  await expect(lab.kill('syd')).rejects.toThrow('The lab has no region syd, only ord, ams, gru.')
})
