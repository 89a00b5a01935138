import { createPool, type FlyroutePool } from '@flyroute/mysql2/promise'
import type { MysqlCluster } from '@flyroute/testkit'
import { eventually } from '@flyroute/testkit/eventually'
import { describe, expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'

/** How far behind a replica is: what a user may know of it, and that an idle primary is no lag. */
export function describeLag(kind: 'mariadb' | 'mysql', start: () => Promise<MysqlCluster>): void {
  describe(`lag on ${kind}`, () => {
    const bench = new Bench(start, ['create table app.item (id int primary key auto_increment)'])

    /** `status()` for a user with these rights. */
    async function open(
      grants: readonly string[] = [],
    ): Promise<() => Promise<[number | undefined, number | undefined]>> {
      const name = `monitor${grants.length}_${grants.join('').length}`
      await bench.primary.query(`create user if not exists ${name}@'%' identified by 'pw'`)
      await bench.primary.query(`grant select on app.* to ${name}@'%'`)
      for (const grant of grants) await bench.primary.query(`grant ${grant} to ${name}@'%'`)
      await bench.cluster.caughtUp()
      const url = new URL(bench.replica.url)
      Object.assign(url, { username: name, password: 'pw' })
      const pool = createPool({ env: { ...bench.env, DATABASE_URL_AMS: url.href } })
      bench.onEnd(() => pool.end())
      return async () => {
        const { role, lagSeconds, lagBytes, lastContactSeconds } = await pool.replication.status()
        expect(role).toBe('replica')
        // To whom the server tells it is told at once, and without the primary.
        if (grants === toTheMicrosecond) expect(lastContactSeconds).toBeLessThan(60)
        return [lagSeconds, lagBytes]
      }
    }

    /** Asks until it is so for how long the replica has been silent. */
    const contact = (replication: FlyroutePool['replication'], isThere: (seconds: number) => boolean): Promise<void> =>
      eventually(async () => {
        const { lastContactSeconds } = await replication.status()
        expect(lastContactSeconds).toEqual(expect.any(Number))
        expect(isThere(lastContactSeconds ?? Number.NaN)).toBe(true)
      })

    const write = (): Promise<unknown> => bench.primary.query('insert into app.item () values ()')
    const toTheSecond = kind === 'mysql' ? 'replication client on *.*' : 'replica monitor on *.*'
    const tables = ['connection_status', 'applier_status_by_worker']
    const toTheMicrosecond = tables.map((table) => `select on performance_schema.replication_${table}`)

    test('an ordinary user is not told', async () => {
      const status = await open()
      expect(await status()).toEqual([undefined, undefined])
    })

    test('at home nothing lags', async () => {
      expect(await bench.near().replication.status()).toMatchObject({ role: 'primary', lagSeconds: 0 })
    })

    test('how old that is shows that the primary is silent, to any user', async () => {
      const { replication } = bench.far()
      await write()
      await bench.cluster.caughtUp()
      await contact(replication, (seconds) => seconds < 1)
      bench.primary.pauseProcess()
      try {
        await contact(replication, (seconds) => seconds > 2)
      } finally {
        bench.primary.resumeProcess()
      }
      await write()
      await contact(replication, (seconds) => seconds < 1)
    })

    const rights: [string, string[], boolean][] = [[toTheSecond, [toTheSecond], false]]
    if (kind === 'mysql') rights.push([toTheMicrosecond.join(', '), toTheMicrosecond, true])
    test.each(rights)('with %s', async (_, grants, isPrecise) => {
      const status = await open(grants)
      await write()
      await bench.cluster.caughtUp()
      // A second of silence is none of lag.
      await new Promise((resolve) => setTimeout(resolve, 1_200))
      expect(await status()).toEqual([0, isPrecise ? undefined : 0])

      await bench.replica.pauseReplay()
      await write()
      // What waits has come after a second of silence, and does not lag by that.
      if (isPrecise) {
        await eventually(async () => expect((await status())[0]).toBeGreaterThan(0))
        expect((await status())[0]).toBeLessThan(1)
      }
      await eventually(async () => {
        const [seconds, bytes] = await status()
        // Where replay stands still, the server counts no seconds.
        if (isPrecise) expect(seconds).toBeGreaterThan(1)
        else expect([seconds, bytes]).toEqual([undefined, expect.any(Number)])
        if (!isPrecise) expect(bytes).toBeGreaterThan(0)
      })
      await bench.replica.resumeReplay()
      await bench.cluster.caughtUp()
      expect(await status()).toEqual([0, isPrecise ? undefined : 0])

      await bench.replica.setApplyDelay(4_000)
      try {
        await write()
        await eventually(async () => expect((await status())[0]).toBeGreaterThanOrEqual(1))
      } finally {
        await bench.replica.setApplyDelay(0)
      }
      await bench.cluster.caughtUp()
      expect((await status())[0]).toBe(0)
    })
  })
}
