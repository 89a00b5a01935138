import { runWithToken } from '@flyroute/core'
import { encodeToken } from '@flyroute/core/adapter'
import { inRequest } from '@flyroute/testkit/requests'
import { expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'

// What a position is for: a standby that has reached it shows the write. Proven by many of them, while others write too.

const bench = new Bench('create table item (id int primary key); create table noise (text text)')

const writers = 8
const writesEach = 250

test('2,000 commits under load, each waited for on the standby: none is invisible, and no wait is long', async () => {
  const [near, far] = [bench.near({ max: writers }), bench.far({ max: writers, replayCostMs: 10_000 })]
  const noise = bench.bare(undefined, { max: 3 })
  let over = false
  const others = Promise.all([
    // Records that are never committed, records that are not flushed, and records that are.
    during(async () => {
      const client = await noise.connect()
      await client.query("begin; insert into noise select repeat('x', 500) from generate_series(1, 200); rollback")
      client.release()
    }),
    during(() => noise.query("set synchronous_commit = off; insert into noise values ('y')")),
    during(() => noise.query("insert into noise values ('z')")),
  ])
  async function during(work: () => Promise<unknown>): Promise<void> {
    while (!over) await work()
  }

  let [invisible, elsewhere, longest] = [0, 0, 0]
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let i = 0; i < writesEach; i++) {
        const id = writer * writesEach + i
        const { state } = await inRequest(async () => {
          if (i % 3 > 0) return near.query('insert into item values ($1)', [id])
          const client = await near.connect()
          await client.query(i % 2 === 0 ? 'begin' : 'begin; set local synchronous_commit = off')
          await client.query('insert into item values ($1)', [id])
          await client.query('commit')
          return client.release()
        })
        const begun = performance.now()
        const { rows } = await runWithToken(encodeToken(state.positions), () =>
          far.query('select pg_is_in_recovery() as here, exists (select from item where id = $1) as visible', [id]),
        )
        longest = Math.max(longest, performance.now() - begun)
        const [{ here, visible }] = rows as [{ here: boolean; visible: boolean }]
        if (!here) elsewhere++
        if (!visible) invisible++
      }
    }),
  )
  over = true
  await others
  expect({ invisible, elsewhere }).toEqual({ invisible: 0, elsewhere: 0 })
  expect(longest).toBeLessThan(5_000)
})
