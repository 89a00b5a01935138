import type { Observation } from '../position.ts'
import type { Ask } from './ask.ts'
import type { LagWatch, Look } from './lag-watch.ts'
import { bytesBetween, isReplayed } from './wal-position.ts'

/** What was received is asked first: what can be seen by the time that the second one is asked may well be more. */
const lookColumns = `pg_last_wal_receive_lsn()::text as received, pg_last_wal_replay_lsn()::text as at,
  exists (select from pg_stat_wal_receiver)::text as streams, extract(epoch from clock_timestamp())::text as now,
  extract(epoch from pg_last_xact_replay_timestamp())::text as newest`

/** How far a standby is behind, in seconds; undefined where it does not show. */
export async function postgresLag(
  ask: Ask,
  { instance, at, lagSeconds }: Observation,
  watch: LagWatch,
): Promise<Pick<Observation, 'lagSeconds'>> {
  if (at === undefined) return {}
  return { lagSeconds: lagSeconds === 0 ? watch.isUpToDate(instance) : await watch.seconds(instance, () => look(ask)) }
}

async function look(ask: Ask): Promise<Look | undefined> {
  const [[received, at, streams, now, newest] = []] = await ask(`select ${lookColumns}`)
  if (at == null) return undefined
  return {
    at,
    // What is no whole record cannot be waited for.
    received: streams !== 'true' || !isSince(at, received) ? undefined : isReplayed(at, received) ? at : received,
    now: Number(now),
    newest: newest == null ? undefined : Number(newest),
  }
}

type Place = string | null | undefined

/** Whether a standby has replayed all that it has received, and that is all there is as far as it knows. */
export function hasAll(at: Place, received: Place): boolean {
  return at != null && isSince(at, received) && isReplayed(at, received)
}

/** After its start a standby receives anew from the beginning of a file of the log: until it has come to where it stands, it knows nothing. */
function isSince(at: string, received: Place): received is string {
  return received != null && bytesBetween(received, at) === 0
}

/** How many bytes were received and not replayed. */
export function bytesLeft(at: Place, received: Place): number | undefined {
  return at == null || received == null ? undefined : bytesBetween(at, received)
}
