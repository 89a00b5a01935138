import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { gtids } from '../../src/dialect/gtid.ts'
import { lsn } from '../../src/dialect/postgres.ts'
import type { Position, ServerInstance } from '../../src/position.ts'
import { type Assessment, assess, type Knowledge } from '../../src/replication/assess.ts'
import type { Freshness } from '../../src/token.ts'

function server(more: Partial<ServerInstance> = {}): ServerInstance {
  return { id: 'a', role: 'replica', cluster: 'c', epoch: 2, at: '0/20', ...more }
}

function position(more: Partial<Position> = {}): Position {
  return { cluster: 'c', epoch: 2, at: '0/20', time: 0, ...more }
}

function knowing(more: Partial<Knowledge> = {}): Knowledge {
  return { algebra: lsn, furthestWritten: undefined, isDeposed: () => false, isLikely: () => false, ...more }
}

const withGtids = { algebra: gtids }
const [past, future] = [{ until: Date.now() - 1_000 }, { until: Date.now() + 60_000 }]

interface Case {
  readonly need?: Freshness
  readonly server?: ServerInstance
  readonly known?: Partial<Knowledge>
  readonly isCurrent?: boolean
  readonly is: Assessment
}

const primary = (more: Partial<ServerInstance> = {}): ServerInstance => server({ role: 'primary', ...more })
const gtidPrimary = (at: string | undefined): ServerInstance => primary({ at, source: '1', epoch: 0, cluster: '' })
const gtid = (at: string): Position => position({ at, epoch: 0, cluster: '' })

const cases: Record<string, Case> = {
  'nothing known of a server': { need: position(), is: 'behind' },
  'nothing known, and a time that is over': { need: past, is: 'fresh' },
  'nothing known, and a time that runs': { need: future, is: 'behind' },
  'a replica, and no need': { server: server(), is: 'fresh' },
  'a replica that is there': { need: position(), server: server(), is: 'fresh' },
  'a replica that is further': { need: position({ at: '0/10' }), server: server(), is: 'fresh' },
  'a replica that is not there': { need: position({ at: '0/21' }), server: server(), is: 'behind' },
  'a replica that is probably there': {
    need: position({ at: '0/21' }),
    server: server(),
    known: { isLikely: () => true },
    is: 'likely',
  },
  'a replica that does not say where it is': { need: position(), server: server({ at: undefined }), is: 'behind' },
  'a replica on an older epoch, however far': {
    need: position({ at: '0/1' }),
    server: server({ epoch: 1, at: '9/0' }),
    known: { isLikely: () => true },
    is: 'behind',
  },
  'a replica on a newer epoch that is there': { need: position(), server: server({ epoch: 3 }), is: 'fresh' },
  'a replica of another cluster': {
    need: position({ cluster: 'd' }),
    server: server(),
    known: { isLikely: () => true },
    is: 'behind',
  },
  'a replica, and a time that runs': { need: future, server: server(), is: 'behind' },
  'a replica, and a time that is over': { need: past, server: server(), is: 'fresh' },
  'a primary, and no need': { server: primary(), is: 'fresh' },
  'a primary, and a time that runs': { need: future, server: primary(), is: 'fresh' },
  'a primary that is there': { need: position(), server: primary(), is: 'fresh' },
  'a primary, of old knowledge': { need: position({ at: '0/21' }), server: primary(), is: 'fresh' },
  'a primary that was just asked and is not there': {
    need: position({ at: '0/21' }),
    server: primary(),
    isCurrent: true,
    is: 'impossible',
  },
  'a primary on a newer epoch has nothing to wait for': {
    need: position({ at: '9/0' }),
    server: primary({ epoch: 3 }),
    isCurrent: true,
    is: 'fresh',
  },
  'a primary on an older epoch': { need: position({ at: '0/1' }), server: primary({ epoch: 1 }), is: 'stale-primary' },
  'a primary of another cluster': { need: position({ cluster: 'd' }), server: primary(), is: 'impossible' },
  'a primary that does not say where it is, nor its cluster': {
    need: position(),
    server: primary({ cluster: '', at: undefined }),
    isCurrent: true,
    is: 'fresh',
  },
  'a primary that was deposed, and no need': {
    server: primary(),
    known: { isDeposed: () => true },
    is: 'stale-primary',
  },
  'a primary that was deposed, whatever it has': {
    need: position({ at: '0/1' }),
    server: primary(),
    known: { isDeposed: () => true },
    is: 'stale-primary',
  },
  'without epochs, a primary that is there': {
    need: gtid('0-1-5'),
    server: gtidPrimary('0-1-5'),
    known: withGtids,
    is: 'fresh',
  },
  'without epochs, of old knowledge: it is asked': {
    need: gtid('0-1-6'),
    server: gtidPrimary('0-1-5'),
    known: withGtids,
    is: 'behind',
  },
  'without epochs, what this process has written itself': {
    need: gtid('0-1-6'),
    server: gtidPrimary('0-1-5'),
    known: { ...withGtids, furthestWritten: gtid('0-1-7') },
    is: 'fresh',
  },
  'without epochs, just asked and not there': {
    need: gtid('0-1-6'),
    server: gtidPrimary('0-1-5'),
    known: withGtids,
    isCurrent: true,
    is: 'impossible',
  },
  'without epochs, what another server has written since': {
    need: gtid('0-1-5,0-2-6'),
    server: gtidPrimary('0-1-5'),
    known: withGtids,
    is: 'stale-primary',
  },
  'without epochs, overtaken outweighs what this process has written to the other one': {
    need: gtid('0-1-5,0-2-6'),
    server: gtidPrimary('0-1-5'),
    known: { ...withGtids, furthestWritten: gtid('0-1-5,0-2-6') },
    is: 'stale-primary',
  },
  'without epochs and positions': {
    need: gtid('0-1-5'),
    server: gtidPrimary(undefined),
    known: withGtids,
    is: 'behind',
  },
  'without epochs and positions, just asked': {
    need: gtid('0-1-5'),
    server: gtidPrimary(undefined),
    known: withGtids,
    isCurrent: true,
    is: 'fresh',
  },
}

test.each(Object.entries(cases))('%s', (_, { need, server: of, known, isCurrent, is }) => {
  expect(assess(need, of, knowing(known), isCurrent)).toBe(is)
})

describe('whatever is asked', () => {
  const epoch = fc.integer({ min: 1, max: 3 })
  const cluster = fc.constantFrom('c', 'd')
  const at = fc.integer({ min: 0, max: 40 }).map((n) => `0/${n.toString(16).toUpperCase()}`)
  const positions: fc.Arbitrary<Position> = fc.record({ cluster, epoch, at, time: fc.constant(0) })
  const servers: fc.Arbitrary<ServerInstance> = fc.record({
    id: fc.constant('a'),
    role: fc.constantFrom('primary', 'replica'),
    cluster,
    epoch,
    at: fc.option(at, { nil: undefined }),
  })
  const knowledge = fc
    .record({
      isDeposed: fc.boolean(),
      isLikely: fc.boolean(),
      furthestWritten: fc.option(positions, { nil: undefined }),
    })
    .map(({ isDeposed, isLikely, furthestWritten }) =>
      knowing({ isDeposed: () => isDeposed, isLikely: () => isLikely, furthestWritten }),
    )

  test('a replica is fresh only with all of it: same cluster, epoch not older, position reached', () => {
    fc.assert(
      fc.property(positions, servers, knowledge, fc.boolean(), (need, one, known, isCurrent) => {
        const replica: ServerInstance = { ...one, role: 'replica' }
        const has =
          replica.cluster === need.cluster &&
          replica.epoch >= need.epoch &&
          replica.at !== undefined &&
          lsn.covers(replica.at, need.at)
        expect(assess(need, replica, known, isCurrent) === 'fresh').toBe(has)
      }),
    )
  })

  test('a replica is never a stale primary and calls no position impossible; a primary is never likely, nor behind with epochs', () => {
    fc.assert(
      fc.property(positions, servers, knowledge, fc.boolean(), (need, one, known, isCurrent) => {
        const never = one.role === 'replica' ? ['stale-primary', 'impossible'] : ['likely', 'behind']
        expect(never).not.toContain(assess(need, one, known, isCurrent))
      }),
    )
  })

  test('a primary on an older epoch than the position of its cluster never answers', () => {
    fc.assert(
      fc.property(positions, servers, knowledge, fc.boolean(), (need, one, known, isCurrent) => {
        fc.pre(one.cluster === need.cluster && one.epoch < need.epoch)
        expect(assess(need, { ...one, role: 'primary' }, known, isCurrent)).toBe('stale-primary')
      }),
    )
  })

  test('a replica that goes on never becomes less fresh', () => {
    fc.assert(
      fc.property(positions, servers, knowledge, at, (need, one, known, further) => {
        fc.pre(one.role === 'replica' && one.at !== undefined && lsn.covers(further, one.at))
        const after = assess(need, { ...one, at: further }, known)
        if (assess(need, one, known) === 'fresh') expect(after).toBe('fresh')
      }),
    )
  })
})
