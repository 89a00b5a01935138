import { type Channel, channel } from 'node:diagnostics_channel'
import type { Access, Dialect } from './classify/types.ts'
import type { PrimaryRequiredReason, ReplayUnavailableReason } from './errors.ts'
import type { Role } from './position.ts'

/**
 * What flyroute tells through `node:diagnostics_channel`: one channel an event, named `flyroute:<event>`. No message
 * contains SQL text, parameters, tokens or passwords.
 */
export interface FlyrouteEvents {
  /** The server that reads use has said what it is, for the first time: `region` is ours, `serverRegion` its own. */
  connected: {
    database: string
    role: Role
    setting: string
    region?: string | undefined
    serverRegion?: string | undefined
    primaryRegion?: string | undefined
    lagSeconds?: number | undefined
  }
  /** A statement that needs the primary was met on a replica. */
  write: { database: string; access: Access; detail: string; sentTo: 'primary' | 'nowhere' }
  /**
   * A statement that was sent to a server has been answered, or has failed: `server` is the local one (`far`: it is in another
   * region), or a connection to the primary in its place. A frequent event.
   */
  statement: {
    database: string
    dialect: Dialect
    server: 'local' | 'far' | 'primary'
    access: Access
    reason: string
    durationMs: number
    /** The driver's error code, or `error`. */
    code?: string | undefined
  }
  /**
   * What a request came to, as the headers of its answer leave: served, where all of it was done on the server that reads use
   * (`local`) or some of it on a connection to the `primary`; `replayed`; or `refused`, with 413 or 503. A frequent event.
   */
  request: { outcome: 'local' | 'primary' | 'replayed' | 'refused'; reason: string }
  /**
   * A request is answered with a replay. Its subscribers may set `trace`, the `traceparent` that the request has here: it goes along in
   * `state`, so that what is done there can be of the same trace.
   */
  replay: {
    reason: PrimaryRequiredReason | 'method'
    detail?: string | undefined
    from?: string | undefined
    target: string
    priceMs: number
    trace?: string | undefined
  }
  /**
   * A request came here by a replay of ours; or came back, as that has failed (`failure`: the proxy's word for why). A client can
   * forge all of it, unless `isProven`.
   */
  arrival: {
    database: string
    reason?: string | undefined
    from?: string | undefined
    trace?: string | undefined
    failure?: string | undefined
    isProven: boolean
  }
  /** A request whose reads have no server near was served, or replayed: the crossings it has needed, and what both ways cost (ms). */
  placement: {
    database: string
    choice: 'direct' | 'replay'
    crossings: number
    directMs: number
    replayMs: number
  }
  /** A request waited for the replica (ms), or did not even begin to. */
  wait: { database: string; waitedMs: number; reached: boolean; predictedMs?: number | undefined }
  /** So many requests wait for the replica now. A frequent event. */
  waiting: { database: string; requests: number }
  /** A request that cannot be replayed, or whose replay failed, goes on with the primary connection. */
  fallback: { database?: string | undefined; reason: ReplayUnavailableReason | 'retry' }
  /**
   * The settings say replica and the server says primary, or the other way round; with both the same, that it is over. `moves`: the
   * database says itself where its primary is (LiteFS), so that nothing is wrong with the settings.
   */
  'role-mismatch': { database: string; expected: Role; found: Role; setting: string; moves?: boolean | undefined }
  /** The replica cannot be reached; reads go to the primary. */
  'replica-unavailable': { database: string; setting: string; code?: string | undefined }
  /** It can be reached again. */
  'replica-available': { database: string; setting: string }
  /** The primary did not answer when the app began. */
  'primary-unavailable': { database: string; setting: string; code?: string | undefined }
  /** How far the replica is behind, each time that it is asked for: `status()`, a health check, every half minute on Fly. */
  lag: {
    database: string
    lagSeconds?: number | undefined
    lagBytes?: number | undefined
    lastContactSeconds?: number | undefined
  }
  /** A statement that needs the primary came from an HTTP request that no middleware stands ahead of. */
  'no-middleware': { database: string }
  /** A request that was replayed has kept a connection, or has given it back in an open transaction: that is rolled back. */
  'connection-kept': { database: string; inTransaction: boolean }
  /** A replayed request came whose `state` was signed with another key than this process has, or without one. */
  'key-mismatch': { database: string; found: 'none' | 'other'; expected: 'none' | 'own' }
  /** A statement of a request that was answered with a replay: it reaches no server, and its promise stays open. */
  'late-statement': { database: string }
  /** A write came after the headers of its answer: the client will not get its token. */
  'token-missed': { database: string }
  /** No position could be had after a write; the client is sent to the primary for a while instead. */
  'position-unavailable': { database: string; code?: string | undefined }
  /**
   * More than half of the requests have needed the primary, where they are counted (`FLYROUTE_ADVISE`): of how many, and what share.
   * `before`: those of the process before this one.
   */
  'mostly-writes': { requests: number; share: number; before: boolean }
  /** Something about the configuration that is worth saying once. */
  notice: { database: string; message: string }
}

/** The name of an event: `flyroute:` and this is the name of its channel. */
export type FlyrouteEvent = keyof FlyrouteEvents

/** What happens with every request or statement: no message of it is made that no subscriber hears. */
export type FrequentEvent = 'request' | 'statement' | 'waiting'

/** What tells of a state, and not of one request: kept for the first subscriber, who may come after it. */
export const keptEvents: ReadonlySet<FlyrouteEvent> = new Set<FlyrouteEvent>([
  'connected',
  'notice',
  'role-mismatch',
  'replica-unavailable',
  'replica-available',
  'primary-unavailable',
  'position-unavailable',
  'mostly-writes',
])
/** So many of each, the newest. */
const mostKept = 16

/** Held here, as Node lets go of a channel that has neither subscriber nor owner. */
const early: Map<Channel, object[]> = new Map()

/** Hears every event, ahead of the subscribers. */
export type EventListener = <Event extends FlyrouteEvent>(event: Event, message: FlyrouteEvents[Event]) => void

let listener: EventListener | undefined

/** Has every event told to the log as well, which is no subscriber: what was kept is still there for the first one. */
export function tellLog(log: EventListener | undefined): void {
  listener = log
}

/**
 * Publishes an event to its channel. Costs two checks where the channel has no subscriber, and keeps then what is worth being
 * heard later.
 */
export function publish<Event extends FlyrouteEvent>(event: Event, message: FlyrouteEvents[Event]): void {
  listener?.(event, message)
  const to = channel(`flyroute:${event}`)
  if (to.hasSubscribers) to.publish(message)
  else if (keptEvents.has(event)) keep(to, message)
}

/** Channels that are asked for often: a look-up by name costs more than all else. */
const asked: Partial<Record<FrequentEvent, Channel>> = {}

/** Whether an event has subscribers: to be asked before a message is made of what happens all the time. */
export function isHeard(event: FrequentEvent): boolean {
  asked[event] ??= channel(`flyroute:${event}`)
  return asked[event].hasSubscribers
}

/** Publishes what happens all the time: to its subscribers alone, if there are any (`isHeard`), and not to the log. */
export function tellSubscribers<Event extends FrequentEvent>(event: Event, message: FlyrouteEvents[Event]): void {
  asked[event]?.publish(message)
}

function keep(to: Channel, message: object): void {
  const messages = early.get(to) ?? handOver(to)
  messages.push(message)
  if (messages.length > mostKept) messages.shift()
}

/** Sees to it that the first subscriber of a channel gets what was kept for it. */
function handOver(to: Channel): object[] {
  const messages: object[] = []
  early.set(to, messages)
  // Another copy of the package may wait for the same.
  const other = Object.getOwnPropertyDescriptor(to, 'subscribe')
  const value = (subscriber: Parameters<Channel['subscribe']>[0]): void => {
    early.delete(to)
    Reflect.deleteProperty(to, 'subscribe')
    if (other !== undefined) Object.defineProperty(to, 'subscribe', other)
    to.subscribe(subscriber)
    for (const message of messages) to.publish(message)
  }
  Object.defineProperty(to, 'subscribe', { value, configurable: true, writable: true })
  return messages
}

/** A driver's error code, where it has one: the only part of a foreign error that is told. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' || typeof code === 'number' ? String(code) : undefined
}
