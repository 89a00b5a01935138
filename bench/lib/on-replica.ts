import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import { type ApartOptions, compareApart } from './apart.ts'
import { effortFrom, report } from './compare.ts'
import type { Opened } from './contender.ts'

/** Where the servers are. */
export interface Servers {
  readonly primaryUrl: string
  readonly replicaUrl: string
}

/** The variables of a machine next to the replica. */
export function envOf({ primaryUrl, replicaUrl }: Servers): Record<string, string> {
  return { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: primaryUrl, DATABASE_URL_AMS: replicaUrl }
}

/** What the work of a contender happens in, by its name. */
export function aroundOf(contender: string): Opened['around'] {
  if (!contender.endsWith('in a request')) return undefined
  return (work) => runInScope(createScope(createRequestState('request')), work)
}

/** Compares and reports, with one operation under way and with twenty. */
export async function compareOnReplica(
  options: Omit<ApartOptions, 'settings' | 'clients'>,
  settingsFor: (clients: number) => unknown,
): Promise<void> {
  const effort = effortFrom(process.argv)
  for (const clients of [1, 20]) {
    const figures = await compareApart({ ...options, settings: settingsFor(clients), clients, ...effort })
    for (const [work, of] of figures) {
      report(`${work}, ${clients === 1 ? '1 client' : `${clients} clients`}, on a replica`, of)
    }
  }
}
