import { ReplayUnavailableError } from '../errors.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import type { Freshness } from '../token.ts'
import { answerReplay, unavailableAnswer } from './answers.ts'
import type { ResolvedPolicy } from './options.ts'
import type { RequestVisit } from './visit.ts'

/** Sees to it that every database is as fresh as the token asks, as far as that is known before any statement. */
export function freshen(policy: ResolvedPolicy, visit: RequestVisit): RequestVisit | Promise<RequestVisit> {
  const behind: [DatabaseReplication, Freshness][] = []
  for (const database of policy.databases) {
    const need = visit.incoming.get(database.name)
    if (need === undefined) continue
    const assessment = database.freshness.assess(need, database.servers.local)
    if (assessment === 'likely') visit.why = 'probably-fresh'
    // A primary has nothing to wait for where the position is of another cluster.
    else if (assessment !== 'fresh' && assessment !== 'impossible') behind.push([database, need])
  }
  if (behind.length > 0) return catchUp(policy, visit, behind)
  if (visit.why !== 'probably-fresh') visit.why = 'fresh'
  return visit
}

async function catchUp(
  policy: ResolvedPolicy,
  visit: RequestVisit,
  behind: readonly [DatabaseReplication, Freshness][],
): Promise<RequestVisit> {
  const { request: state } = visit.scope
  // To ask the primary takes as long as to have all of the request done there.
  const [far] = behind.find(([database]) => database.reachesFar) ?? []
  if (far !== undefined) {
    far.prober.recheckRole()
    visit.answer = answerReplay(policy, visit, { database: far, reason: 'stale' })
    visit.why = 'stale'
    if (visit.answer !== undefined) return visit
  }
  const options = { timeoutMs: state.waitTimeoutMs, signal: state.signal }
  const outcomes = await Promise.all(
    behind.map(([database, need]) => database.freshness.meet(need, options).catch(() => 'behind' as const)),
  )
  if (outcomes.includes('stale-primary')) {
    const error = new ReplayUnavailableError('stale-primary')
    visit.why = error.reason
    visit.answer = unavailableAnswer(error)
    return visit
  }
  const late = behind[outcomes.indexOf('behind')]
  visit.why = late === undefined ? 'caught-up' : 'stale'
  // What cannot be replayed goes on, and each statement that needs it finds its way to the primary.
  if (late !== undefined) visit.answer = answerReplay(policy, visit, { database: late[0], reason: 'stale' })
  return visit
}

/**
 * A replica sent this request here because it could not reach its token: the primary can tell whether any server could. What
 * no server can is forged, or of a cluster that is gone; the client is to forget it, instead of being sent here for ever.
 */
export async function dropImpossible(policy: ResolvedPolicy, visit: RequestVisit): Promise<RequestVisit> {
  for (const database of policy.databases) {
    const need = visit.incoming.get(database.name)
    if (need === undefined || (await database.freshness.validate(need)) !== 'impossible') continue
    visit.forged = [...visit.forged, database.name]
  }
  return visit
}
