import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RawHeaders } from './headers.ts'
import type { RequestBody } from './request-body.ts'

/** What is sent to a Machine. */
export interface Outgoing {
  readonly agent: Agent
  readonly method: string
  readonly path: string
  readonly headers: RawHeaders
  readonly body: RequestBody
  /** Time to have the connection accepted. */
  readonly timeoutMs: number
  /** The client has gone. */
  readonly signal: AbortSignal
}

/** What came of it. */
export type Exchange =
  | Answered
  /** No server listens, or none accepted in time: the request was not executed. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'timeout' }
  /** The Machine accepted, and then the connection ended: the request may have been executed. */
  | { readonly kind: 'lost' }

/** The head of an answer has come; its body, or the other protocol, follows. */
export type Answered =
  | { readonly kind: 'answer'; readonly answer: IncomingMessage /** Leaves the rest unread. */; discard(): void }
  | { readonly kind: 'upgrade'; readonly answer: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }

/** Sends a request to a Machine: once, or twice where that does no harm and an idle connection turns out to have been closed. */
export async function exchange(outgoing: Outgoing): Promise<Exchange> {
  const { result, reused } = await attempt(outgoing)
  const harmless = outgoing.method === 'GET' || outgoing.method === 'HEAD'
  return result.kind === 'lost' && reused && harmless ? (await attempt(outgoing)).result : result
}

async function attempt(outgoing: Outgoing): Promise<{ result: Exchange; reused: boolean }> {
  const { agent, method, path, headers, body, signal } = outgoing
  const sent = request({ agent, method, path, headers })
  const abort = (): void => void sent.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const answer = settle(sent, outgoing)
    if (signal.aborted) abort()
    if (body.isEmpty) sent.end()
    else {
      sent.flushHeaders()
      body.read().pipe(sent)
    }
    return { result: await answer, reused: sent.reusedSocket }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function settle(sent: ClientRequest, { body, timeoutMs }: Outgoing): Promise<Exchange> {
  return new Promise((resolve) => {
    let accepted = false
    const timer = setTimeout(() => {
      resolve({ kind: 'timeout' })
      sent.destroy()
    }, timeoutMs)
    const accept = (): void => {
      accepted = true
      clearTimeout(timer)
      body.accept()
    }
    sent.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', accept)
      else accept()
    })
    sent.once('response', (answer) => {
      clearTimeout(timer)
      resolve({ kind: 'answer', answer, discard: () => discard(sent, answer) })
    })
    sent.once('upgrade', (answer, socket, head) => {
      clearTimeout(timer)
      resolve({ kind: 'upgrade', answer, socket, head })
    })
    // Also after the answer: a Machine may answer before it has read the body, and close.
    sent.on('error', () => {})
    sent.once('close', () => {
      clearTimeout(timer)
      resolve({ kind: accepted ? 'lost' : 'refused' })
    })
  })
}

/** The connection is good for another request, unless the Machine answered before it had the whole of this one. */
function discard(sent: ClientRequest, answer: IncomingMessage): void {
  if (sent.writableFinished) answer.resume()
  else sent.destroy()
}
