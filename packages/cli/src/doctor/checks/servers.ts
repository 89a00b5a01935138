import { estimateReplayMs } from '@flyroute/core/adapter'
import { type Check, type Finding, fail, warn } from '../check.ts'
import type { Facts } from '../facts.ts'
import type { ServerFacts } from '../server.ts'

/** A replica that is further behind (seconds) is worth a word, and one that has been silent for so long. */
const [lateSeconds, silentSeconds] = [10, 45]
/** Clocks that are further apart (ms) make waits longer or shorter than they should be; and tokens worthless. */
const [apartMs, worthlessMs] = [1_000, 30_000]
/** Within one region a round trip takes less (ms). */
const sameRegionMs = 20

/** The local server, where it should be a replica and has answered. */
function replicaOf({
  local,
  primary,
  topology,
}: Facts): (ServerFacts & Required<Pick<ServerFacts, 'observation'>>) | undefined {
  if (local === primary || topology?.role !== 'replica' || local?.observation === undefined) return undefined
  return local as ServerFacts & Required<Pick<ServerFacts, 'observation'>>
}

/** What the servers say of themselves. */
export const serverChecks: readonly Check[] = [
  {
    name: 'servers',
    symptom: 'requests are answered 503, or all of them are replayed',
    examine({ primary, local }) {
      const silent = [primary, local].find((server) => server?.failure !== undefined)
      if (silent !== undefined)
        return fail(
          `the server of ${silent.setting} does not answer (${silent.failure})`,
          'check that it runs, and who may connect',
        )
      return primary && [...new Set([primary.setting, local?.setting])].join(' and ')
    },
  },
  {
    name: 'replica-is-primary',
    symptom: 'reads cross an ocean although a replica is set',
    examine(facts) {
      const { topology } = facts
      const note = topology?.notes.find(({ code }) => code === 'replica-is-primary')
      const server = replicaOf(facts)
      if (note === undefined && server === undefined) return undefined
      const setting = topology?.local.source
      if (note !== undefined || (server?.observation.role === 'primary' && !isForeign(facts)))
        return fail(
          note?.message ?? `${setting} leads to a server that says it is a primary`,
          'set it to the URL of a replica',
        )
      return `${setting} leads to a replica`
    },
  },
  {
    name: 'other-cluster',
    symptom: 'the replica is never used: it is a copy of another database',
    examine(facts) {
      const server = replicaOf(facts)
      if (server === undefined) return undefined
      return isForeign(facts)
        ? fail(
            `${server.setting} leads to a server of another cluster`,
            'set it to the URL of a replica of this primary',
          )
        : 'the replica belongs to the primary'
    },
  },
  {
    name: 'primary-region',
    symptom: 'writes are refused in the primary region, or replayed in circles',
    examine: primaryPlace,
  },
  {
    name: 'writable-replica',
    symptom: 'a write that passes for a read stays on the replica, and no other server has it',
    examine: (facts) =>
      ofReplica(facts, ({ observation: { acceptsWrites }, setting }) =>
        acceptsWrites
          ? fail(
              `the replica of ${setting} would accept writes of this user`,
              'connect as a user without SUPER, CONNECTION_ADMIN or READ ONLY ADMIN, or set super_read_only',
            )
          : 'the replica takes no writes',
      ),
  },
  {
    name: 'monitor-rights',
    symptom: 'after a fail-over readers go to the primary for a while; how old the lag is comes a look later',
    examine: (facts) =>
      ofReplica(facts, ({ mayMonitor }) =>
        mayMonitor === false
          ? warn('the user is not in pg_monitor', 'on the primary: grant pg_monitor to the user')
          : mayMonitor && 'pg_monitor',
      ),
  },
  {
    name: 'replica-lag',
    symptom: 'who has written is replayed, or sees the past with consistency none',
    examine: (facts) =>
      ofReplica(facts, ({ observation: { lagSeconds } }) => {
        if (lagSeconds === undefined) return undefined
        const text = `${lagSeconds < 1 ? `${Math.round(lagSeconds * 1_000)} ms` : `${Math.round(lagSeconds)} s`} behind`
        return lagSeconds < lateSeconds
          ? text
          : warn(`the replica is ${text}`, 'look for a long query on it, or a slow connection to its primary')
      }),
  },
  {
    name: 'replica-silent',
    symptom: 'the replica says that it does not lag, and has heard nothing for long',
    examine: (facts) =>
      ofReplica(facts, ({ mayMonitor, observation: { lastContactSeconds: seconds } }) => {
        const remedy = 'check the connection between the two, and what the replica is told of its primary'
        if (seconds === undefined)
          return mayMonitor ? fail('the replica has no connection to its primary', remedy) : undefined
        return seconds < silentSeconds
          ? `heard from its primary ${Math.round(seconds)} s ago`
          : fail(`the replica has not heard from its primary for ${Math.round(seconds)} s`, remedy)
      }),
  },
  {
    name: 'gtids',
    symptom: 'who has written reads from the primary for a while, however fresh the replica is',
    examine({ primary, local }) {
      const without = [primary, local].find((server) => server?.problems.includes('no-gtids'))
      if (without !== undefined)
        return warn(
          `the server of ${without.setting} keeps no GTIDs`,
          'gtid_mode = ON and enforce_gtid_consistency = ON, or log_bin on MariaDB',
        )
      const mute = [primary, local].find((server) => server?.problems.includes('modest'))
      return (
        mute &&
        warn(
          `the server of ${mute.setting} does not say where it stands`,
          'let its user call the functions for positions',
        )
      )
    },
  },
  {
    name: 'clocks',
    symptom: 'waits end too soon or too late; tokens count for nothing',
    examine({ primary, local }) {
      const offsets = [primary, local].flatMap((server) => server?.clockOffsetMs ?? [])
      if (offsets.length === 0) return undefined
      const worst = Math.max(...offsets.map(Math.abs))
      if (worst < apartMs) return `within ${Math.max(1, Math.round(worst))} ms`
      const why = `the clocks of this machine and a server are ${Math.round(worst / 100) / 10} s apart`
      return { verdict: worst < worthlessMs ? 'warn' : 'fail', why, remedy: 'set both by NTP' }
    },
  },
  {
    name: 'round-trips',
    symptom: 'what a statement costs from here, and what a replay does',
    examine({ local, primary, region, primaryRegion }) {
      if (local?.roundTripMs === undefined || primary?.roundTripMs === undefined) return undefined
      const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
      const replay = region === primaryRegion ? '' : `, a replay about ${ms(estimateReplayMs(region, primaryRegion))}`
      const far = local === primary ? '' : `, one on the primary ${ms(primary.roundTripMs)}`
      return `a statement takes ${ms(local.roundTripMs)}${far}${replay}`
    },
  },
]

function ofReplica<T>(facts: Facts, examine: (server: NonNullable<ReturnType<typeof replicaOf>>) => T): T | undefined {
  const server = replicaOf(facts)
  return server?.observation.role === 'replica' && !isForeign(facts) ? examine(server) : undefined
}

function isForeign({ primary, local }: Facts): boolean {
  const [a, b] = [primary?.observation, local?.observation]
  if (a === undefined || b === undefined || primary === local) return false
  if (a.cluster !== '' && b.cluster !== '') return a.cluster !== b.cluster
  return false
}

/** Where the server is that says "primary", by its role and by what light allows. */
function primaryPlace({ region, primaryRegion, primary, topology }: Facts): Finding | string | undefined {
  const { observation, roundTripMs = 0, setting = '' } = primary ?? {}
  if (observation === undefined || region === undefined || topology === undefined) return undefined
  if (primaryRegion === undefined) return fail('PRIMARY_REGION is not set', 'set primary_region in fly.toml')
  if (observation.role === 'replica')
    return fail(
      `the server of ${setting} says that it is a replica`,
      `set it to the primary's URL, and primary_region to where that is`,
    )
  if (region === primaryRegion) {
    return roundTripMs > sameRegionMs
      ? fail(
          `${setting} is ${Math.round(roundTripMs)} ms away from ${region}, which PRIMARY_REGION says it is in`,
          'set primary_region to where the primary is',
        )
      : `the primary is in ${primaryRegion}`
  }
  // No signal takes less than a third of what the way takes as a rule.
  return roundTripMs < (estimateReplayMs(region, primaryRegion) - 5) / 3
    ? fail(
        `${setting} is ${roundTripMs.toFixed(1)} ms away from ${region}: it cannot be in ${primaryRegion}, as PRIMARY_REGION says`,
        'set primary_region to where the primary is',
      )
    : `the primary is in ${primaryRegion}`
}
