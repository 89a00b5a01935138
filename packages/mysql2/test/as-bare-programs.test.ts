import { createDriver } from '@flyroute/mysql2'
import { startMariadb } from '@flyroute/testkit'
import { request } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import mysql from 'mysql2'
import { Bench } from './support/open.ts'
import { type Step, traceOf } from './support/program.ts'

// Off Fly, and on the primary, a connection of ours does what the driver's does: answers, errors and events, in their order.

const bench = new Bench(() => startMariadb(), ['create table app.item (id int primary key auto_increment, name text)'])

const statements: readonly (readonly unknown[])[] = [
  ['select 1 as one'],
  ['select ? as two', [2]],
  [{ sql: 'select 3 as three', rowsAsArray: true }],
  [{ sql: 'select 4 as four', timeout: 5_000 }],
  ['select 5 as five where false'],
  ['selekt'],
  ['select * from nowhere'],
  [''],
  ["insert into item (name) values ('here')"],
  ['update item set name = ? where id = 1', ['there']],
  ["insert into item (id, name) values (1, 'again')"],
  ['set @a = 1'],
  ['select @a as a'],
  ['create temporary table if not exists note (id int)'],
  ['insert into note values (1)'],
  ['kill query connection_id()'],
  [{ sql: 'select sleep(0.2)', timeout: 20 }],
]

const form = fc.constantFrom('promise' as const, 'callback' as const, 'events' as const)
const told = fc.constantFrom('promise' as const, 'callback' as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('query' as const, 'execute' as const), form, fc.constantFrom(...statements))
      .map(([method, how, args]): Step => ({ do: method, form: how, args })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom('beginTransaction' as const, 'commit' as const, 'rollback' as const, 'ping' as const),
        told,
      )
      .map(([method, how]): Step => ({ do: method, form: how })),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'settle' }) },
  { weight: 1, arbitrary: told.map((how): Step => ({ do: 'end', form: how })) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'destroy' }) },
)
const program = fc
  .array(step, { minLength: 1, maxLength: 10 })
  // What is under way on a connection that is cut, the driver itself tells in several ways.
  .map((steps) =>
    steps.flatMap((one): Step[] =>
      one.do === 'destroy' ? [{ do: 'ping', form: 'callback' }, { do: 'settle' }, one] : [one],
    ),
  )

/** What was found by such programs. */
const programs: Record<string, readonly Step[]> = {
  'asks what nothing waits for, after the end': [
    { do: 'end', form: 'callback' },
    { do: 'settle' },
    { do: 'query', form: 'events', args: ['select 1'] },
  ],
}

const onPrimary = { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' }
type Trace = (steps: readonly Step[]) => Promise<string[]>
const on =
  (driver: () => typeof mysql): Trace =>
  async (steps) => {
    await bench.primary.query('truncate app.item')
    return traceOf(driver().createConnection({ uri: bench.primary.url }), steps)
  }
const bare = on(() => mysql)
const places: Record<string, Trace> = {
  'off Fly': on(() => createDriver({ env: {} })),
  'off Fly, in a request': (steps) => request(() => on(() => createDriver({ env: {} }))(steps)),
  'on the primary': on(() => createDriver({ env: onPrimary })),
  'on the primary, in a request': (steps) => request(() => on(() => createDriver({ env: onPrimary }))(steps)),
}

/** What a driver does now so and now otherwise, by the pieces that the network cuts answers into, is compared several times. */
const attempts = 6

/** The same programs in each run; others with FLYROUTE_SEED. */
const seed = Number(process.env['FLYROUTE_SEED'] ?? 1)

describe.each(Object.entries(places))('%s', (_, trace) => {
  test('whatever a program does', async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        for (let attempt = 1; ; attempt++) {
          const [expected, got] = [await bare(steps), await trace(steps)]
          if (attempt === attempts) expect(got).toEqual(expected)
          if (String(got) === String(expected)) return
        }
      }),
      { seed, numRuns: 6, endOnFailure: true },
    )
  })

  test.each(Object.entries(programs))('%s', async (__, steps) => {
    expect(await trace(steps)).toEqual(await bare(steps))
  })
})
