import { createDriver } from '@flyroute/pg'
import { describeAsBare } from '@flyroute/testkit/as-bare'
import { request } from '@flyroute/testkit/requests'
import fc from 'fast-check'
import pg from 'pg'
import { Bench } from './support/open.ts'
import { type PoolStep, poolTraceOf } from './support/pool-program.ts'

// Off Fly, and on the primary, a pool of ours does what the driver's does: answers, errors, events and counters, in their order.

const bench = new Bench('create table item (id int primary key)', { replicas: 0 })

const statements: readonly { what: unknown; values?: unknown }[] = [
  { what: 'select 1 as one' },
  { what: 'select $1::int as two', values: [2] },
  { what: { text: 'select 3 as three', rowMode: 'array' } },
  { what: { name: 'named', text: 'select $1::text as four' }, values: ['4'] },
  { what: 'selekt' },
  { what: 'select $1::int', values: ['not a number'] },
  { what: 'begin' },
  { what: 'commit' },
  { what: 'insert into item values (1) on conflict do nothing returning id' },
  { what: 'insert into item values ($1) on conflict do nothing', values: [2] },
  { what: 'select pg_terminate_backend(pg_backend_pid())' },
  { what: { text: 'select pg_sleep(0.2)', query_timeout: 20 } },
  { what: undefined },
  { what: {} },
]

const form = fc.constantFrom('promise' as const, 'callback' as const)
const checkOut = fc.nat({ max: 2 })
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constantFrom(...statements), form, fc.option(checkOut, { nil: undefined })).map(
      ([statement, how, of]): PoolStep => ({
        do: 'query',
        form: how,
        ...statement,
        ...(of === undefined ? {} : { of }),
      }),
    ),
  },
  { weight: 3, arbitrary: form.map((how): PoolStep => ({ do: 'connect', form: how })) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(checkOut, fc.constantFrom(undefined, undefined, true, false, new Error('broken')))
      .map(([of, reason]): PoolStep => ({ do: 'release', of, reason })),
  },
  { weight: 4, arbitrary: fc.constant<PoolStep>({ do: 'settle' }) },
  { weight: 1, arbitrary: form.map((how): PoolStep => ({ do: 'end', form: how })) },
)
const program = fc.array(step, { minLength: 1, maxLength: 12 })

/** What was found by such programs. */
const programs: Record<string, readonly PoolStep[]> = {
  'asks for a connection after the end': [
    { do: 'end', form: 'callback' },
    { do: 'connect', form: 'callback' },
    { do: 'query', form: 'promise', what: 'select 1' },
    { do: 'connect', form: 'promise' },
  ],
}

const options = (): object => ({ connectionString: bench.cluster.primary.url, max: 1 })

const onPrimary = { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' }
const ours = (env: Record<string, string>, steps: readonly PoolStep[]): Promise<string[]> =>
  poolTraceOf(createDriver({ env }), options(), steps)

describeAsBare({
  program,
  runs: 8,
  programs,
  bare: (steps) => poolTraceOf(pg, options(), steps),
  places: {
    'off Fly': (steps) => ours({}, steps),
    'on the primary': (steps) => ours(onPrimary, steps),
    'on the primary, in a request': (steps) => request(() => ours(onPrimary, steps)),
  },
})
