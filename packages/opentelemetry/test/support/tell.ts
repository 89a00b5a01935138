import { channel } from 'node:diagnostics_channel'
import type { FlyrouteEvent, FlyrouteEvents } from '@flyroute/core'

/** Publishes an event, as flyroute does. */
export function tell<Event extends FlyrouteEvent>(event: Event, message: FlyrouteEvents[Event]): void {
  channel(`flyroute:${event}`).publish(message)
}

/** One event of each kind that is measured. */
export function tellAll(database = 'app'): void {
  const statement = { database, dialect: 'postgres', access: 'read', reason: 'select' } as const
  tell('connected', { database, role: 'replica', setting: 'DATABASE_URL_AMS' })
  tell('statement', { ...statement, server: 'local', durationMs: 2 })
  tell('statement', { ...statement, server: 'local', durationMs: 3 })
  tell('statement', { ...statement, server: 'primary', durationMs: 95, code: '23505' })
  tell('write', { database, access: 'write', detail: 'insert', sentTo: 'nowhere' })
  tell('write', { database, access: 'write', detail: 'insert', sentTo: 'primary' })
  tell('request', { outcome: 'local', reason: 'local' })
  tell('request', { outcome: 'local', reason: 'replayed-write' })
  tell('request', { outcome: 'replayed', reason: 'write' })
  tell('replay', { reason: 'write', from: 'ams', target: 'ord', priceMs: 95 })
  tell('arrival', { database, reason: 'write', from: 'ams', isProven: true })
  tell('arrival', { database, failure: 'no_candidate', isProven: true })
  tell('wait', { database, waitedMs: 7, reached: true })
  tell('wait', { database, waitedMs: 95, reached: false })
  tell('waiting', { database, requests: 2 })
  tell('lag', { database, lagSeconds: 0.25, lagBytes: 512, lastContactSeconds: 3 })
  tell('replica-unavailable', { database, setting: 'DATABASE_URL_AMS' })
  tell('role-mismatch', { database, expected: 'replica', found: 'primary', setting: 'DATABASE_URL_AMS' })
  tell('role-mismatch', { database, expected: 'replica', found: 'replica', setting: 'DATABASE_URL_AMS' })
  tell('role-mismatch', { database, expected: 'replica', found: 'primary', setting: 'litefs', moves: true })
  tell('token-missed', { database })
}
