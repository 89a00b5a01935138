import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Answered } from './exchange.ts'
import { endToEnd, withHeaders } from './headers.ts'
import type { ProxyError, Reason } from './proxy-error.ts'

/** The one who asked, and how to answer. */
export interface Client {
  /** Aborted when it goes away before it has its answer. */
  readonly signal: AbortSignal
  /** Passes on what a Machine answered. Resolves when all of it has gone out, or one side hung up. */
  answer(exchange: Answered): Promise<void>
  /** Answers in the proxy's own name. */
  fail(error: ProxyError): void
}

/** What was said to a client in the end, for the journal. */
export interface Outcome {
  status?: number
  error?: Reason
  responseBytes: number
}

const added = (id: string): Record<string, string> => ({ 'fly-request-id': id, via: '1.1 fly.io' })
const told = (error: ProxyError): Record<string, string> => ({
  'content-type': 'text/plain',
  'flyroute-lab-error': error.reason,
})
const textOf = ({ reason, message }: ProxyError): string => `[flyroute lab] ${reason}: ${message}\n`

/** A client that waits for an ordinary answer. */
export function plainClient(response: ServerResponse, id: string, outcome: Outcome): Client {
  const abort = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) abort.abort()
  })
  return {
    signal: abort.signal,
    async answer({ answer }) {
      outcome.status = answer.statusCode ?? 502
      answer.on('data', (chunk: Buffer) => (outcome.responseBytes += chunk.length))
      response.sendDate = false
      const headers = withHeaders(endToEnd(answer.rawHeaders, ['transfer-encoding']), added(id))
      response.writeHead(outcome.status, answer.statusMessage ?? '', headers)
      response.flushHeaders()
      await pipeline(answer, response).catch(() => {
        outcome.error = abort.signal.aborted ? 'client_aborted' : 'lost'
      })
    },
    fail(error) {
      outcome.error = error.reason
      if (abort.signal.aborted || response.headersSent) return
      outcome.status = error.status
      response.writeHead(error.status, { ...added(id), ...told(error) }).end(textOf(error))
    },
  }
}

/** A client that asks for another protocol, WebSocket for one. */
export function upgradingClient(socket: Duplex, head: Buffer, id: string, outcome: Outcome): Client {
  const abort = new AbortController()
  socket.on('error', () => {})
  socket.on('close', () => abort.abort())
  const headOf = (status: number, message: string, headers: readonly string[]): string => {
    const lines = headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1]}`] : []))
    return [`HTTP/1.1 ${status} ${message}`, ...lines, '', ''].join('\r\n')
  }
  return {
    signal: abort.signal,
    async answer(exchange) {
      const { answer } = exchange
      outcome.status = answer.statusCode ?? 502
      if (exchange.kind === 'upgrade') {
        socket.write(headOf(outcome.status, answer.statusMessage ?? '', answer.rawHeaders))
        socket.write(exchange.head)
        exchange.socket.write(head)
        exchange.socket.on('data', (chunk: Buffer) => (outcome.responseBytes += chunk.length))
        await Promise.allSettled([pipeline(socket, exchange.socket), pipeline(exchange.socket, socket)])
        return
      }
      const headers = withHeaders(endToEnd(answer.rawHeaders, ['transfer-encoding']), {
        ...added(id),
        connection: 'close',
      })
      socket.write(headOf(outcome.status, answer.statusMessage ?? '', headers))
      answer.on('data', (chunk: Buffer) => (outcome.responseBytes += chunk.length))
      await pipeline(answer, socket).catch(() => (outcome.error = 'lost'))
    },
    fail(error) {
      outcome.error = error.reason
      if (abort.signal.aborted) return
      outcome.status = error.status
      const headers = Object.entries({ ...added(id), ...told(error), connection: 'close' }).flat()
      socket.end(headOf(error.status, 'Proxy Error', headers) + textOf(error))
    },
  }
}
