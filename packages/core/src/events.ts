import { channel } from 'node:diagnostics_channel'
import type { Access } from './classify/types.ts'
import type { PrimaryRequiredReason, ReplayUnavailableReason } from './errors.ts'
import type { Role } from './position.ts'

/**
 * What flyroute tells through `node:diagnostics_channel`: one channel an event, named `flyroute:<event>`. No message
 * contains SQL text, parameters, tokens or passwords.
 */
export interface FlyrouteEvents {
  /** A statement that needs the primary was met on a replica. */
  write: { database: string; access: Access; detail: string; sentTo: 'primary' | 'nowhere' }
  /** A request is answered with a replay. */
  replay: { reason: PrimaryRequiredReason | 'method'; detail?: string | undefined; target: string; priceMs: number }
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
  /** A request that cannot be replayed, or whose replay failed, goes on with the primary connection. */
  fallback: { database?: string | undefined; reason: ReplayUnavailableReason | 'retry' }
  /** The settings say replica and the server says primary, or the other way round. */
  'role-mismatch': { database: string; expected: Role; found: Role }
  /** The replica cannot be reached; reads go to the primary. */
  'replica-unavailable': { database: string; code?: string | undefined }
  /** It can be reached again. */
  'replica-available': { database: string }
  /** A statement of a request that was answered with a replay: it reaches no server, and its promise stays open. */
  'late-statement': { database: string }
  /** A write came after the headers of its answer: the client will not get its token. */
  'token-missed': { database: string }
  /** No position could be had after a write; the client is sent to the primary for a while instead. */
  'position-unavailable': { database: string; code?: string | undefined }
  /** Something about the configuration that is worth saying once. */
  notice: { database: string; message: string }
}

/** The name of an event: `flyroute:` and this is the name of its channel. */
export type FlyrouteEvent = keyof FlyrouteEvents

/** Publishes an event to its channel. Costs one check where the channel has no subscriber. */
export function publish<Event extends FlyrouteEvent>(event: Event, message: FlyrouteEvents[Event]): void {
  const to = channel(`flyroute:${event}`)
  if (to.hasSubscribers) to.publish(message)
}

/** A driver's error code, where it has one: the only part of a foreign error that is told. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' || typeof code === 'number' ? String(code) : undefined
}
