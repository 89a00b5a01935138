import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { type ReplayPolicy, scopeOf, type Verdict, type Visit } from '../policy.ts'
import type { HttpAnswer } from '../replay/response.ts'
import { addHeaders, clearAnswer, type HeadersArgument } from './headers.ts'
import { UnsentAnswer } from './unsent.ts'

/** Stands between an app and its response, until the headers leave. */
export interface Gate {
  /** The app's answer was replaced by ours. */
  readonly isReplaced: boolean
  /**
   * Sends this, with what is added to it, in place of the app's answer, whose headers must not have left.
   *
   * @param isUnderWay the app has begun to answer, or may yet. Default: where a stream is piped into the answer
   */
  replace(answer: HttpAnswer, added: Verdict['headers'], isUnderWay?: boolean): void
  /** Decides now what the request comes to: the app may not answer any more. */
  answerNow(): void
}

/**
 * Looks at the answer at the moment its headers leave, whichever of the ways the app or its framework takes: a replay
 * replaces it, a token is added to it. Before that moment nothing is touched, after it everything passes.
 */
export function guardResponse(response: ServerResponse, policy: ReplayPolicy, visit: Visit): Gate {
  const { writeHead, write, end, flushHeaders, destroy } = response
  const ahead = response.listenerCount('finish')
  const sources: Readable[] = []
  let state: 'open' | 'passed' = 'open'
  /** What becomes of the app's answer, once another one is sent. */
  let unsent: UnsentAnswer | undefined

  const gate: Gate = {
    get isReplaced() {
      return unsent !== undefined
    },
    replace(answer, added, isUnderWay = sources.length > 0) {
      // Ours passes, also where `end` calls `write`, as in HTTP/2; from then on nothing of the app's does.
      state = 'passed'
      try {
        clearAnswer(response)
        const headers = { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) }
        writeHead.call(response, answer.status, addHeaders(response, headers, added) as OutgoingHttpHeaders)
        end.call(response, answer.body, 'utf8')
      } catch {
        // Headers of the app's that cannot be sent, say: no answer of ours may end the process.
        destroy.call(response)
      }
      const { isReplayed, refusal } = scopeOf(visit).request
      unsent = new UnsentAnswer(response, sources, ahead, isUnderWay, isReplayed ? refusal : undefined)
    },
    answerNow() {
      // Express destroys the socket of a request that fails when it was answered: no other request may be on it by then.
      response.shouldKeepAlive = false
      decide(response.statusCode)
    },
  }

  /**
   * Replaces the answer, or lets it pass with what is added.
   *
   * @param isUnderWay more of it is to come
   */
  const decide = (status: number, headers?: HeadersArgument, isUnderWay = true): HeadersArgument => {
    if (state !== 'open' || response.headersSent) return headers
    const verdict = policy.after(visit, { status })
    if (verdict.answer !== undefined) {
      gate.replace(verdict.answer, verdict.headers, isUnderWay)
      return headers
    }
    state = 'passed'
    return addHeaders(response, headers, verdict.headers)
  }

  response.writeHead = function (this: ServerResponse, status: number, ...rest: unknown[]): ServerResponse {
    // `writeHead(status, reason?, headers?)`
    const [first, second] = rest
    const given = (typeof first === 'string' ? second : (second ?? first)) as HeadersArgument
    const headers = decide(status, given)
    if (gate.isReplaced) return this
    const reason = typeof first === 'string' ? [first] : []
    return (writeHead as (...args: unknown[]) => ServerResponse).call(this, status, ...reason, headers)
  }

  response.write = function (this: ServerResponse, ...args: unknown[]): boolean {
    decide(this.statusCode)
    if (unsent !== undefined) return unsent.write(args)
    return (write as (...args: unknown[]) => boolean).apply(this, args)
  } as typeof write

  response.end = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    decide(this.statusCode, undefined, false)
    if (unsent !== undefined) return unsent.end(args)
    return (end as (...args: unknown[]) => ServerResponse).apply(this, args)
  } as typeof end

  response.flushHeaders = function (this: ServerResponse): void {
    decide(this.statusCode)
    if (!gate.isReplaced) flushHeaders.call(this)
  }

  response.destroy = function (this: ServerResponse, error?: Error): ServerResponse {
    // A stream that fails with the refusal breaks off what it is piped into (`pipeline`): an answer like any other.
    if (!this.destroyed && scopeOf(visit).request.willBeReplayed) decide(this.statusCode, undefined, false)
    return gate.isReplaced ? this : destroy.call(this, error)
  }

  response.on('pipe', (source) => {
    if (unsent === undefined) sources.push(source)
    else unsent.takes(source)
  })
  return gate
}
