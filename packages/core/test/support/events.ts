import { channel } from 'node:diagnostics_channel'
import type { FlyrouteEvent } from '../../src/events.ts'

/** What is told on these channels while `run` does its work, in order. */
export async function told(events: readonly FlyrouteEvent[], run: () => unknown): Promise<[FlyrouteEvent, unknown][]> {
  const heard: [FlyrouteEvent, unknown][] = []
  const listeners = events.map((event) => [event, (message: unknown) => void heard.push([event, message])] as const)
  for (const [event, listen] of listeners) {
    channel(`flyroute:${event}`).subscribe(listen)
  }
  try {
    await run()
  } finally {
    for (const [event, listen] of listeners) channel(`flyroute:${event}`).unsubscribe(listen)
  }
  return heard
}
