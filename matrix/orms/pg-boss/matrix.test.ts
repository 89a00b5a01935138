import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import { eventually, Stage } from '@flyroute/matrix'
import { createPool, type FlyroutePool } from '@flyroute/pg'
import pg from 'pg'
import { PgBoss } from './boss.ts'

let stage: Stage
before(async () => {
  const node = process.execPath
  stage = await Stage.open([node, 'app.ts'], import.meta.dirname, { setup: [node, 'migrate.ts'] })
})
after(() => stage?.[Symbol.asyncDispose]())

const environment = (region: string) => ({
  FLY_REGION: region,
  PRIMARY_REGION: 'ord',
  DATABASE_URL: stage.primaryUrl,
  DATABASE_URL_AMS: stage.replicaUrl,
})

/** On a pool, as it is plugged in: nothing runs by itself. */
function bossOn(pool: pg.Pool): PgBoss {
  const boss = new PgBoss({
    db: { executeSql: (text, values) => pool.query(text, values) },
    supervise: false,
    schedule: false,
  })
  boss.on('stopped', () => void pool.end())
  return boss
}

/** Some versions want the queue's name in each job. */
function jobs(name: string, ...numbers: number[]): { name: string; data: { n: number } }[] {
  return numbers.map((n) => ({ name, data: { n } }))
}

/** The life of some jobs: what is the same for each runner. */
async function live(boss: PgBoss): Promise<unknown> {
  await boss.createQueue('life')
  const id = await boss.send('life', { n: 1 })
  assert.ok(id)
  await boss.insert('life', jobs('life', 2, 3))
  const fetched = await boss.fetch<{ n: number }>('life', { batchSize: 3 })
  await boss.complete('life', id, { done: true })
  await boss.fail(
    'life',
    fetched.filter((job) => job.id !== id).map((job) => job.id),
  )
  const job = await boss.getJobById('life', id)
  await boss.schedule('life', '0 3 * * *', { n: 4 })
  const schedules = await boss.getSchedules()
  await boss.unschedule('life')
  const queue = await boss.getQueue('life')
  await boss.deleteQueue('life')
  return {
    fetched: fetched.map(({ data }) => data).sort((a, b) => a.n - b.n),
    job: [job?.state, job?.data, job?.output],
    schedules: schedules.map(({ name, cron, data }) => [name, cron, data]),
    queue: [queue?.name, queue?.policy],
  }
}

let expected: unknown

test('bare driver on the primary', async () => {
  const boss = bossOn(new pg.Pool({ connectionString: stage.primaryUrl }))
  await boss.start()
  expected = await live(boss)
  await boss.stop({ graceful: false })
  await stage.noTransactions()
})

test('flyroute on the primary', async () => {
  const boss = bossOn(createPool({ env: environment('ord') }))
  await boss.start()
  assert.deepEqual(await live(boss), expected)
  await boss.stop({ graceful: false })
  await stage.noTransactions()
})

describe('flyroute on a replica', () => {
  let pool: FlyroutePool
  let boss: PgBoss
  before(async () => {
    await stage.caughtUp()
    pool = createPool({ env: environment('ams') })
    boss = bossOn(pool)
    // It notes down who runs.
    await runOnPrimary(() => boss.start())
  })
  after(() => runOnPrimary(() => boss?.stop({ graceful: false })))

  test('what reads', async () => {
    assert.equal((await boss.getQueue('invoice'))?.name, 'invoice')
    assert.deepEqual(await boss.getSchedules(), [])
    assert.equal(await boss.isInstalled(), true)
  })

  const writes: Record<string, () => Promise<unknown>> = {
    send: () => boss.send('invoice', {}),
    insert: () => boss.insert('invoice', jobs('invoice', 1)),
    fetch: () => boss.fetch('invoice'),
    complete: () => boss.complete('invoice', '00000000-0000-0000-0000-000000000000'),
    createQueue: () => boss.createQueue('another'),
    schedule: () => boss.schedule('invoice', '0 3 * * *'),
    deleteQueue: () => boss.deleteQueue('invoice'),
  }
  for (const [name, write] of Object.entries(writes)) {
    test(`${name} is refused, and replayed also where the refusal is swallowed`, async () => {
      // As pg-boss 11 does with all errors of some of them.
      const wrapped = replayable(
        async (_: Request) => {
          await write().catch((error: unknown) => assert.ok(isPrimaryRequired(error), String(error)))
          return new Response('done')
        },
        { databases: [pool] },
      )
      const response = await wrapped(new Request('http://app.test/'))
      assert.match(response.headers.get('fly-replay') ?? '', /region="?ord/)
      assert.equal(pool.totalCount - pool.idleCount, 0)
      await stage.noTransactions()
    })
  }
})

test('flyroute on a replica, in runOnPrimary', async () => {
  const boss = bossOn(createPool({ env: environment('ams') }))
  await runOnPrimary(async () => {
    await boss.start()
    assert.deepEqual(await live(boss), expected)
    await boss.stop({ graceful: false })
  })
  await stage.noTransactions()
})

describe('a worker in a replica’s region', () => {
  const order = async (): Promise<number> => {
    stage.lab.journal.clear()
    const response = await stage.lab.fetch('ams', '/invoices', { method: 'POST' })
    const body = await response.text()
    assert.equal(response.status, 200, body)
    const [entry] = stage.lab.journal.entries
    assert.deepEqual(
      entry?.hops.map(({ region }) => region),
      ['ams', 'ord'],
    )
    return Number(body)
  }
  const isDone = async (id: number, result: object): Promise<void> => {
    const done = async () => (await stage.detailsOf(id)) !== null
    assert.ok(await eventually(done, 30_000), 'the job was not done')
    assert.deepEqual(await stage.detailsOf(id), result)
  }

  test('reads locally what the request has written', async () => {
    await isDone(await order(), { title: 'invoice', replica: true, region: 'ams' })
  })

  test('and where the replica lags, on the primary', async () => {
    const replica = stage.lab.databases.node('ams')
    await replica.pauseReplay()
    try {
      await isDone(await order(), { title: 'invoice', replica: false, region: 'ams' })
    } finally {
      await replica.resumeReplay()
    }
  })
})
