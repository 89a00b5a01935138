import type { ReplayPolicyOptions } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import type { Subject } from './adapter.ts'

/** What a request does, in whichever region it comes to run. */
export type Work = (subject: Subject, request: Request) => unknown

export interface SendOptions {
  /** Default: GET. */
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  /** The proxy finds no machine for a replay, and gives the request back. Default: it finds one. */
  readonly comesBack?: boolean
  /** The token that the client has from an earlier answer. */
  readonly token?: string | undefined
}

/** How a request has gone. */
export interface Answer {
  readonly status: number
  /** What `work` returned. */
  readonly value: unknown
  /** What `work` threw, if that came out. */
  readonly error: unknown
  /** A new token for the client, if there was one. */
  readonly token: string | undefined
  /** When the client may try again, in seconds. */
  readonly retryAfter: string | undefined
  /** The regions it went to, one after the other: two where it was replayed. */
  readonly way: readonly string[]
  /** Why it was replayed: the reason in our own `state`. */
  readonly reason: string | undefined
}

/** What a request that can be served nowhere is told, whatever the reason. */
export const retryAfter = '5'

/** A request that cannot be replayed where `maxReplayBodyBytes` is 10. */
export const tooLong: SendOptions = {
  method: 'POST',
  body: 'more than ten bytes',
  headers: { 'content-length': '19' },
}

type Handler = (request: Request) => Response | Promise<Response>

/** One app in several regions, and in front of it the one rule of Fly Proxy that the suite needs: it follows a replay. */
export class App {
  readonly #handlers = new Map<string, Handler>()
  readonly #work = new Map<string, Work>()
  readonly #errors = new Map<string, unknown>()
  #count = 0

  /** @param regions what is opened in each region, by its code */
  constructor(regions: Readonly<Record<string, Subject>>, options: Omit<ReplayPolicyOptions, 'databases'> = {}) {
    for (const [region, subject] of Object.entries(regions)) {
      const handle = async (request: Request): Promise<Response> => {
        const id = request.headers.get('test-id') ?? ''
        try {
          return Response.json((await this.#work.get(id)?.(subject, request)) ?? null)
        } catch (error) {
          this.#errors.set(id, error)
          throw error
        }
      }
      this.#handlers.set(region, replayable(handle, { ...options, databases: [subject.database] }))
    }
  }

  /** Sends a request to a region and follows where its answers lead. */
  async send(region: string, work: Work, options: SendOptions = {}): Promise<Answer> {
    const id = String(++this.#count)
    this.#work.set(id, work)
    const way: string[] = []
    let state: string | undefined
    let failed = false
    for (let target = region; ; ) {
      if (way.push(target) > 3) throw new Error(`A replay that goes in circles: ${way.join(' → ')}`)
      const response = await this.#handle(target, this.#request(id, options, region, state, failed))
      const error = this.#errors.get(id)
      // What a test expects of its work is not the framework's to answer.
      if (error instanceof Error && 'matcherResult' in error) throw error
      const replay = response?.headers.get('fly-replay')
      if (replay == null) {
        return {
          status: response?.status ?? 500,
          value: response?.ok ? await response.json() : undefined,
          error: response === undefined ? error : undefined,
          token: response?.headers.get('flyroute-token') ?? undefined,
          retryAfter: response?.headers.get('retry-after') ?? undefined,
          way,
          reason: /^flyroute:(\w+)/.exec(state ?? '')?.[1],
        }
      }
      // A machine is called by its region here: there is one in each.
      state = /(?:^|;)state=([^;]+)/.exec(replay)?.[1]
      failed = options.comesBack === true
      if (!failed) target = /(?:^|;)(?:region|instance)=(\w+)/.exec(replay)?.[1] ?? ''
    }
  }

  async #handle(region: string, request: Request): Promise<Response | undefined> {
    const handler = this.#handlers.get(region)
    if (handler === undefined) throw new Error(`No machine runs in region ${region}`)
    try {
      return await handler(request)
    } catch {
      return undefined // What a handler throws is for its framework to answer.
    }
  }

  #request(id: string, options: SendOptions, from: string, state: string | undefined, failed: boolean): Request {
    const { method = 'GET', body, token, headers } = options
    const request = new Request('http://app.test/', {
      method,
      headers: { ...headers, 'test-id': id },
      body: body ?? null,
    })
    if (token !== undefined) request.headers.set('flyroute-token', token)
    request.headers.set('fly-request-id', id)
    if (failed) request.headers.set('fly-replay-failed', 'reason=no_candidate')
    if (state !== undefined) {
      request.headers.set('fly-replay-src', `instance=one;region=${from};t=1;state=${state}`)
    }
    return request
  }
}
