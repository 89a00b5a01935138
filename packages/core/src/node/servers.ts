import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** Stands between a server and those who listen to its requests: calls `handle` to let one through. */
export type ServerGuard = (request: IncomingMessage, response: ServerResponse, handle: () => void) => void

/** What Node publishes of every request, before the server's own listeners hear of it. */
const requestStart = 'http.server.request.start'

/** The events by which a server hands a request to its listeners. */
const handsOver: readonly unknown[] = ['request', 'checkContinue', 'checkExpectation']

/**
 * Puts a guard in front of all servers of `node:http` and `node:https` in this process. A server is met at its first
 * request, which Node tells of in time: nothing of Node is patched, and one server's own `emit` only.
 *
 * @returns what takes the guard away again
 * @throws TypeError on Bun
 */
export function guardServers(guard: ServerGuard): () => void {
  // A middleware that no request passes would be noticed much later.
  if ('Bun' in globalThis)
    throw new TypeError(
      'replayServers: servers on Bun do not tell of their requests; wrap their handler with `replayable`',
    )
  const met = new WeakSet<Server>()
  let isOpen = true
  const onRequest = (message: unknown): void => {
    const { server } = message as { server: Server }
    if (met.has(server)) return
    met.add(server)
    const emit = server.emit as (event: string, ...rest: unknown[]) => boolean
    server.emit = function (this: Server, event: string, ...rest: unknown[]): boolean {
      if (!isOpen || !handsOver.includes(event)) return emit.call(this, event, ...rest)
      const [request, response] = rest as [IncomingMessage, ServerResponse]
      guard(request, response, () => void emit.call(this, event, ...rest))
      return true
    }
  }
  subscribe(requestStart, onRequest)
  return () => {
    unsubscribe(requestStart, onRequest)
    isOpen = false
  }
}
