import type { FlyrouteEvent, FlyrouteEvents } from '../events.ts'
import type { Role } from '../position.ts'

/** What is said about an event. */
export interface Remark {
  readonly level: 'warn' | 'info'
  readonly text: string
  /** Of a state: said again only when it is another one than was said last. Default: said again when it happens again. */
  readonly state?: string
  /** What all states have in common that it may follow on. Default: the event itself. */
  readonly subject?: string
  /** Worth a word only after another state. Default: false. */
  readonly isRelief?: boolean
}

type Remarks = { readonly [Event in FlyrouteEvent]?: (message: FlyrouteEvents[Event]) => Remark | undefined }

/** From here on (seconds) the lag of a replica is worth a line. */
const lateSeconds = 10
/** And its silence: a primary that has nothing to say is heard of twice a minute. */
const silentSeconds = 45

/** The events that are worth a line by themselves, and what it says: what happened, and what to do. */
export const remarks: Remarks = {
  connected: (place) => {
    const text = bootLine(place)
    return { level: 'info', text, state: text }
  },
  notice: ({ message }) => ({ level: 'warn', text: message, subject: message, state: message }),
  'role-mismatch': ({ setting, expected, found, moves = false }) =>
    found === expected || moves
      ? {
          level: 'info',
          state: found,
          isRelief: !moves,
          text: `${setting} leads to a ${found}${moves ? ' now' : ', as it should'}`,
        }
      : {
          level: 'warn',
          state: found,
          text: `${setting} should lead to a ${expected}, and ${foundInstead(setting, found)}`,
        },
  'replica-unavailable': ({ setting, code }) => ({
    level: 'warn',
    subject: 'replica',
    state: 'unavailable',
    text: `the replica of ${setting} cannot be reached${inBrackets(code)}: its requests are replayed until it can; check that it runs, and that ${setting} leads to it`,
  }),
  'replica-available': ({ setting }) => ({
    level: 'info',
    subject: 'replica',
    state: 'available',
    isRelief: true,
    text: `the replica of ${setting} can be reached again`,
  }),
  'primary-unavailable': ({ setting, code }) => ({
    level: 'warn',
    text: `the server of ${setting} does not answer${inBrackets(code)}; check that it runs, and that ${setting} leads to it`,
  }),
  lag: ({ lagSeconds = 0, lastContactSeconds = 0 }) =>
    lagSeconds >= lateSeconds
      ? {
          level: 'warn',
          state: 'late',
          text: `the replica is ${duration(lagSeconds)} behind: who has written is replayed until it has caught up; look for a long query on it, or a slow connection to its primary`,
        }
      : lastContactSeconds >= silentSeconds
        ? {
            level: 'warn',
            state: 'silent',
            text: `the replica has not heard from its primary for ${duration(lastContactSeconds)}, and what it says of its lag is as old; check the connection between the two`,
          }
        : { level: 'info', state: 'near', isRelief: true, text: 'the replica has caught up with its primary' },
  'no-middleware': () => ({
    level: 'warn',
    text: 'a statement that needs the primary came from an HTTP request that no middleware of flyroute stands ahead of, so that it cannot be replayed; put replayMiddleware({ databases: [pool] }) ahead of all routes, or replayable() around the handler',
  }),
  'connection-kept': ({ inTransaction }) => ({
    level: 'warn',
    text: inTransaction
      ? 'a request that is replayed has given a connection back in an open transaction, which was rolled back; let the handler send ROLLBACK in its `catch`'
      : 'a request that was replayed has not given its connection back, and it was taken back; let the handler release it in a `finally`',
  }),
  'key-mismatch': ({ found, expected }) => ({
    level: 'warn',
    text:
      expected === 'none'
        ? 'a replayed request was signed with a key, and this region has none; set the same FLYROUTE_SECRET in all regions'
        : `a replayed request was ${found === 'none' ? 'not signed' : 'signed with another key than this region has'}, so that it is taken for a forged one; set the same FLYROUTE_SECRET in all regions`,
  }),
  'token-missed': () => ({
    level: 'warn',
    text: 'a write came after the headers of its answer, so that its client may not see it in its next read; write ahead of the answer (sessions: save them ahead of it, docs/recipes.md)',
  }),
  'position-unavailable': ({ code }) => ({
    level: 'warn',
    text: `no position could be had after a write${inBrackets(code)}: its client reads from the primary for a while; npx flyroute doctor says what is missing`,
  }),
  'mostly-writes': ({ requests, share, before }) => ({
    level: 'warn',
    state: 'mostly',
    text: `${Math.round(share * 100)} % of ${requests} requests ${before ? 'before this start ' : ''}have needed the primary: more than half would be replayed from any other region, where this app gains little; npx flyroute advise says which, and why`,
  }),
  fallback: ({ reason }) =>
    reason === 'loop' || reason === 'replay-failed'
      ? {
          level: 'warn',
          subject: `fallback ${reason}`,
          text:
            reason === 'loop'
              ? 'a request was replayed and is still not on the primary; check PRIMARY_REGION, and that the database URL of that region leads to the primary'
              : 'a replay came back, as the primary region has no machine that takes it: the request goes on from here; check that a machine runs there',
        }
      : undefined,
}

function foundInstead(setting: string, found: Role): string {
  return found === 'primary'
    ? `its server says that it is a primary: it is used as one; check ${setting}, unless it was promoted`
    : `its server says that it is a replica: what writes is replayed, or refused; check ${setting} and PRIMARY_REGION, unless a fail-over is under way`
}

/** Where reads and writes go from here. */
function bootLine(place: FlyrouteEvents['connected']): string {
  const { role, setting, region = 'this process', serverRegion = region, primaryRegion, lagSeconds } = place
  const isHere = serverRegion === region
  const server = `${setting} (${role}${isHere ? '' : ` in ${serverRegion}`}${role === 'replica' ? behind(lagSeconds) : ''})`
  return role === 'primary' && isHere
    ? `${region} reads from and writes to ${server}`
    : `${region} reads from ${server}, writes go to ${primaryRegion ?? 'the primary'}`
}

function behind(lagSeconds: number | undefined): string {
  if (lagSeconds === undefined) return ''
  return lagSeconds === 0 ? ', up to date' : `, ${duration(lagSeconds)} behind`
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'an unknown time'
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1_000))} ms` : `${Math.round(seconds)} s`
}

function inBrackets(code: string | undefined): string {
  return code === undefined ? '' : ` (${code})`
}

/** Any event as a line: its fields, none of which is a secret. */
export function plainLine(event: FlyrouteEvent, message: object): string {
  const fields = Object.entries(message).filter(([, value]) => value !== undefined && value !== '')
  return [event, ...fields.map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join(' ')
}
