import { createDriver } from '@flyroute/mysql2'
import { startMariadb } from '@flyroute/testkit'
import { describeAsBare, type Trace } from '@flyroute/testkit/as-bare'
import { request } from '@flyroute/testkit/requests'
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
const on =
  (driver: () => typeof mysql): Trace<Step> =>
  async (steps) => {
    await bench.primary.query('truncate app.item')
    return traceOf(driver().createConnection({ uri: bench.primary.url }), steps)
  }
const [offFly, atHome] = [{}, onPrimary].map((env) => on(() => createDriver({ env }))) as [Trace<Step>, Trace<Step>]

describeAsBare({
  program,
  runs: 6,
  programs,
  bare: on(() => mysql),
  places: {
    'off Fly': offFly,
    'off Fly, in a request': (steps) => request(() => offFly(steps)),
    'on the primary': atHome,
    'on the primary, in a request': (steps) => request(() => atHome(steps)),
  },
})
