import type { EventEmitter } from 'node:events'
import { runInScope, type Scope } from '../request/scope.ts'

/**
 * Has all listeners run in the scope: of body parsers, of sessions that are saved at the end. Streams emit where their
 * bytes come from, and that is the socket's context, not the request's.
 */
export function emitInScope(emitter: EventEmitter, scope: Scope): void {
  const { emit } = emitter
  emitter.emit = function (this: EventEmitter, ...event: Parameters<EventEmitter['emit']>): boolean {
    return runInScope(scope, () => emit.apply(this, event))
  }
}
