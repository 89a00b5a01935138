import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'
import { Wire } from './support/wire.ts'

// What is told of a replica's lag is true: neither silence nor half a record is lag, and a replay that stands still or is slow is.

const bench = new Bench('create table item (id int, text text)')

interface Place {
  readonly waits: boolean
  readonly isAtEdge: boolean
  /** How old (seconds) the newest transaction is that can be seen. */
  readonly age: number
}

async function place(): Promise<Place> {
  const [row] = await bench.replica.query<Place & { [name: string]: unknown }>(
    `select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() as waits, (pg_last_wal_receive_lsn() - '0/0') % 8192 = 0 as "isAtEdge",
      extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 as age`,
  )
  if (row === undefined) throw new Error('It does not say where it stands')
  return row
}

async function until(isThere: (place: Place) => boolean): Promise<void> {
  while (!isThere(await place())) await sleep(10)
}

/** All is there, and has been for so long. */
async function silence(seconds: number): Promise<void> {
  await write()
  await bench.cluster.caughtUp()
  await until(({ age }) => age > seconds)
}

const write = (): Promise<unknown> => bench.cluster.primary.query("insert into item values (1, 'x')")
const lag = async (pool: ReturnType<Bench['far']>): Promise<number> =>
  (await pool.replication.status()).lagSeconds ?? Number.NaN

afterEach(async () => {
  await bench.replica.resumeReplay()
  await bench.replica.setApplyDelay(0)
})

test('the beginning of a record, which comes a page at a time, is no lag', async () => {
  await silence(0)
  const client = await bench.bare().connect()
  try {
    await client.query('begin')
    // Pages that are full are sent ahead of the commit: until the last of them ends within a record.
    while (!(await place().then(({ waits, isAtEdge, age }) => waits && isAtEdge && age > 1))) {
      await client.query("insert into item values (2, repeat('x', 1000))")
      await sleep(300)
    }
    const told = [bench.far(), bench.far()].map(lag)
    // Nothing has come meanwhile.
    expect(await place()).toMatchObject({ waits: true, isAtEdge: true })
    expect(await Promise.all(told)).toEqual([0, 0])
  } finally {
    await client.query('rollback')
    client.release()
  }
})

test('what comes after a silence does not lag by the silence', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const far = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) } })
  await far.replication.status()
  await silence(1)
  await bench.replica.pauseReplay()
  await write()
  await until(({ waits }) => waits)
  const looked = new Promise<void>((resolve) => {
    wire.onAnswer = (chunk) => {
      resolve()
      return chunk
    }
  })
  const told = lag(far)
  await looked
  await bench.replica.resumeReplay()
  expect(await told).toBeLessThan(0.5)
})

test('a replay that stands still lags by as long as it does; a process that comes later counts from the newest transaction', async () => {
  const far = bench.far()
  await silence(1)
  expect(await lag(far)).toBe(0)
  await bench.replica.pauseReplay()
  await write()
  await until(({ waits }) => waits)
  const begun = performance.now()
  const first = await lag(far)
  expect(first).toBeGreaterThan(0)
  expect(first).toBeLessThanOrEqual((performance.now() - begun) / 1_000)
  await until(({ age }) => age > 2.5)
  const then = await lag(far)
  expect(then).toBeGreaterThan(first + 0.5)
  expect(then).toBeLessThanOrEqual((performance.now() - begun) / 1_000)
  expect(await lag(bench.far())).toBeGreaterThan(2.5)
  await bench.replica.resumeReplay()
  await bench.cluster.caughtUp()
  expect(await lag(far)).toBe(0)
})

test('a replay that is slow lags by as much as it is slow', async () => {
  const far = bench.far()
  await silence(0)
  expect(await lag(far)).toBe(0)
  await bench.replica.setApplyDelay(1_500)
  const end = performance.now() + 3_500
  const told: number[] = []
  while (performance.now() < end) {
    await write()
    if (performance.now() > end - 1_500) told.push(await lag(far), await lag(bench.far()))
  }
  expect(told.length).toBeGreaterThan(0)
  for (const seconds of told) {
    expect(seconds).toBeGreaterThan(1)
    expect(seconds).toBeLessThan(3)
  }
})
