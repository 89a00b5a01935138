import { createHash } from 'node:crypto'
import { isKnownRegion } from '@flyroute/core/adapter'
import { type Check, fail, warn } from '../check.ts'

/** Regions that Fly.io has closed, or merged into others. */
const retired = 'atl bog bos den eze gdl gig hkg maa mad mia otp phx qro scl sea waw yul'.split(' ')

/** What the environment says of places and databases. */
export const settingsChecks: readonly Check[] = [
  {
    name: 'settings',
    symptom: 'the app does not start: ERR_CONFIGURATION',
    examine({ problems, topology }) {
      if (topology !== undefined) return 'the settings agree with each other'
      const why = problems.map(({ setting, message }) => `${setting} ${message}`).join('; ')
      return fail(why, problems.map(({ remedy }) => remedy).join('; '))
    },
  },
  {
    name: 'region',
    symptom: 'no replica is found near, and distances are guessed',
    examine({ region, primaryRegion }) {
      const codes = [region, primaryRegion].filter((code) => code !== undefined)
      const closed = codes.find((code) => retired.includes(code))
      if (closed !== undefined)
        return warn(`Fly.io has closed the region ${closed}`, 'name the region that took its place')
      const unknown = codes.find((code) => !isKnownRegion(code))
      if (unknown !== undefined) return warn(`no region ${unknown} is known here`, 'check how it is written')
      return codes.length === 0 ? undefined : codes.join(', ')
    },
  },
  {
    name: 'ignored-settings',
    symptom: 'a replica is set, and not used',
    examine({ topology }) {
      const ignored = topology?.notes.find(({ code }) => code === 'ignored-setting')
      return ignored && warn(ignored.message, 'correct its name, or unset it')
    },
  },
  {
    name: 'no-replica-here',
    symptom: 'reads cross an ocean, or their requests are replayed',
    examine({ topology, region }) {
      const note = topology?.notes.find(({ code }) => /^(no-replica|nearest-replica|primary-nearer)$/.test(code))
      if (note !== undefined)
        return warn(note.message, `add a replica in ${region}, or expect what docs/concepts.md says`)
      return topology?.role === 'replica' ? `reads use ${topology.local.source}` : undefined
    },
  },
  {
    name: 'managed-postgres',
    symptom: 'outside of the primary region each read that is served takes an ocean',
    examine({ topology }) {
      const isManaged = /\.flympg\.net$/i.test(topology?.primary.host ?? '')
      const elsewhere = topology?.notes.find(({ code }) => code === 'no-managed-postgres')
      if (elsewhere !== undefined) return fail(elsewhere.message, 'set primary_region to the region of the cluster')
      return isManaged
        ? 'Managed Postgres has no replicas: requests that need several statements are replayed'
        : undefined
    },
  },
  {
    name: 'internal-name',
    symptom: 'a replica region reads from the primary, as its name always resolves to that first',
    examine({ topology }) {
      const { host = '', source } = topology?.local ?? {}
      if (topology?.role !== 'replica' || !/^[^.]+\.internal\.?$/i.test(host)) return undefined
      return fail(
        `${source} names all members of an app at once`,
        `name those of the region: ${topology.region ?? '<region>'}.<app>.internal`,
      )
    },
  },
  {
    name: 'database-names',
    symptom: 'a token of one service means nothing to another',
    examine({ topology }) {
      const { primary, local } = topology ?? {}
      if (primary?.database === undefined || local?.database === undefined || local === primary) return undefined
      return local.database === primary.database
        ? 'the same in both'
        : fail(
            `${local.source} names another database than ${primary.source}`,
            'make them the same, or give both the option name',
          )
    },
  },
  {
    name: 'token-key',
    symptom: 'tokens can be forged: each forged one costs a wait and a replay',
    examine({ env, topology }) {
      if (topology?.region === undefined) return undefined
      const keys = (env.FLYROUTE_SECRET ?? '').split(',').map((key) => key.trim())
      const remedy = 'fly secrets set FLYROUTE_SECRET="$(openssl rand -base64 32)"'
      if (keys.every((key) => key === '')) return warn('FLYROUTE_SECRET is not set', remedy)
      return keys.some((key) => key.length < 16)
        ? fail('FLYROUTE_SECRET has a key of less than 16 characters', remedy)
        : `tokens are signed; the mark of the key is ${markOf(keys.join())}, which should be the same in all regions`
    },
  },
]

/** So little of a hash tells two keys apart, and nothing of a key. */
function markOf(keys: string): string {
  return createHash('sha256').update(keys).digest('hex').slice(0, 4)
}
