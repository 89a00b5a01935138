import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FlyrouteEvent, FlyrouteEvents } from '@flyroute/core'

/** What is done with events, by their names. */
export type Listeners = { readonly [Event in FlyrouteEvent]?: (message: FlyrouteEvents[Event]) => void }

/**
 * Listens to events of flyroute, whichever copy of it publishes them.
 *
 * @returns what ends that
 */
export function listen(listeners: Listeners): () => void {
  const entries = Object.entries(listeners) as [FlyrouteEvent, (message: unknown) => void][]
  for (const [event, listener] of entries) subscribe(`flyroute:${event}`, listener)
  return () => {
    for (const [event, listener] of entries) unsubscribe(`flyroute:${event}`, listener)
  }
}
