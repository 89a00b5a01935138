import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'

/** What Node publishes of every request, right before its handlers run. Bun does not, and HTTP/2 servers do not. */
const requestStart = 'http.server.request.start'

// One for all copies of the package: each request is marked once.
const key = Symbol.for('flyroute.http.v1')
const globals = globalThis as { [key]?: AsyncLocalStorage<ServerResponse> }

/**
 * From now on it is known of code whether it runs in an HTTP request, whether or not a middleware of ours stands ahead of it:
 * what is refused where none does is no job, and says so.
 */
export function watchHttpRequests(): void {
  if (globals[key] !== undefined) return
  const storage = new AsyncLocalStorage<ServerResponse>()
  globals[key] = storage
  subscribe(requestStart, (message) => storage.enterWith((message as { response: ServerResponse }).response))
}

/** Whether the code that runs now belongs to an HTTP request that has no answer yet. */
export function isInHttpRequest(): boolean {
  return globals[key]?.getStore()?.writableEnded === false
}
