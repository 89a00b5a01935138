import type { MysqlCluster } from '@flyroute/testkit'
import { inRequest } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'

/** What we ask a server leaves nothing in the session of the connection that it was asked on. */
export function describeDiagnostics(name: string, start: () => Promise<MysqlCluster>): void {
  describe(`diagnostics of a session on ${name}`, () => {
    const bench = new Bench(start, [])

    test.each(['errors', 'warnings'])('no %s are ours', async (kind) => {
      for (const pool of [bench.far(), bench.near()]) {
        const counts = []
        for (let connections = 0; connections < 2; connections++) {
          const connection = await pool.getConnection()
          const [[row]] = await connection.query<never[]>(`show count(*) ${kind}`)
          const { value } = await inRequest(() => connection.query<never[]>(`show count(*) ${kind}`))
          counts.push(...Object.values(row ?? {}), ...Object.values(value[0][0] ?? {}))
          connection.destroy()
        }
        expect(counts.map(Number)).toEqual([0, 0, 0, 0])
      }
    })
  })
}
