// Channels belong to the process, and what tells of a state is kept there for the first subscriber: what other tests of this
// worker have told is no affair of the next one.
import { channel } from 'node:diagnostics_channel'
import { beforeEach } from '@jest/globals'
import { keptEvents } from '../../../packages/core/src/events.ts'

beforeEach(() => {
  const forget = () => undefined
  for (const event of keptEvents) {
    channel(`flyroute:${event}`).subscribe(forget)
    channel(`flyroute:${event}`).unsubscribe(forget)
  }
})
