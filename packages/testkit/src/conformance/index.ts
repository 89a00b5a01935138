import { describe } from '@jest/globals'
import type { AdapterUnderTest, Group } from './adapter.ts'
import { Context } from './context.ts'
import { counting } from './counting.ts'
import { distance } from './distance.ts'
import { endings } from './endings.ts'
import { failures } from './failures.ts'
import { lostAnswers } from './lost-answers.ts'
import { once } from './once.ts'
import { promotion } from './promotion.ts'
import { refusals } from './refusals.ts'
import { remoteOutages } from './remote-outages.ts'
import { routing } from './routing.ts'
import { scopes } from './scopes.ts'
import { takeover } from './takeover.ts'
import { telling } from './telling.ts'
import { tokens } from './tokens.ts'
import { transactions } from './transactions.ts'
import { waiting } from './waiting.ts'

/**
 * The suite that every adapter runs: what flyroute promises, said in words that all drivers have (`query`,
 * `transaction`, `end`), against real servers, through core's handler wrapper of `fetch` and a proxy stub in Fly Proxy's place that only
 * follows replays.
 *
 * An adapter's own test hands in a factory and nothing else; what only its driver has (cursors, callbacks, named
 * statements) it tests by itself. A test that a database cannot take part in is named in `without`, with the reason.
 *
 * @example
 * describeAdapter({
 *   name: 'pg',
 *   dialect: postgres,
 *   startCluster: () => startPostgres({ replicas: 1 }),
 *   open(options) {
 *     const pool = createPool(options)
 *     return {
 *       database: pool,
 *       query: async (sql) => (await pool.query(sql)).rows,
 *       transaction: (work) => inTransaction(pool, work),   // BEGIN, work, COMMIT or ROLLBACK on one connection
 *       end: () => pool.end(),
 *     }
 *   },
 * })
 */
export function describeAdapter(adapter: AdapterUnderTest): void {
  describe(adapter.name, () => {
    const context = new Context(adapter)
    for (const [name, group] of Object.entries(groups) as [Group, (context: Context) => void][]) {
      if (!adapter.shownElsewhere?.includes(name)) group(context)
    }
    if (!adapter.shownElsewhere?.includes('takeover')) takeover(adapter)
  })
}

/** In this order: behind a promotion the cluster is not what it was. */
const groups: Readonly<Record<Exclude<Group, 'takeover'>, (context: Context) => void>> = {
  routing,
  distance,
  'remote outages': remoteOutages,
  refusals,
  transactions,
  scopes,
  tokens,
  waiting,
  once,
  telling,
  counting,
  endings,
  failures,
  'lost answers': lostAnswers,
  promotion,
}

/** All groups, for who leaves out some. */
export const groupNames: readonly Group[] = [...(Object.keys(groups) as Group[]), 'takeover']
