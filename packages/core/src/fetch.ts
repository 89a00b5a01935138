import {
  asReplayPolicy,
  type IncomingRequest,
  type ReplayPolicy,
  type ReplayPolicyOptions,
  type Verdict,
  type Visit,
} from './policy.ts'

/** A handler in the manner of the Fetch API: Hono's `app.fetch`, a route handler, `Bun.serve`, `Deno.serve`. */
// biome-ignore lint: the further arguments are the caller's own
export type FetchHandler = (request: Request, ...rest: never[]) => Response | Promise<Response>

/**
 * Wraps a handler so that its writes run in the primary region and its reads next door. Further arguments and their
 * types are kept.
 *
 * @param policy made once by `createReplayPolicy`, or its options
 * @throws ConfigurationError with everything that is wrong in the options
 * @example
 * serve({ fetch: replayable(app.fetch, { databases: [pool] }) })
 */
export function replayable<H extends FetchHandler>(handler: H, policy: ReplayPolicy | ReplayPolicyOptions): H {
  const rules = asReplayPolicy(policy)
  const wrapped = async (request: Request, ...rest: never[]): Promise<Response> => {
    const incoming = new FetchRequest(request)
    const visit = await rules.before(incoming)
    if (visit.answer !== undefined) {
      await discard(request.body)
      return new Response(visit.answer.body, visit.answer)
    }
    return respond(rules, visit, () => handler(incoming.current, ...rest))
  }
  return wrapped as unknown as H
}

async function respond(policy: ReplayPolicy, visit: Visit, run: () => Response | Promise<Response>): Promise<Response> {
  let response: Response
  try {
    response = await visit.run(run)
  } catch (error) {
    const { answer } = policy.after(visit, { error })
    visit.headersSent()
    if (answer === undefined) throw error
    return new Response(answer.body, answer)
  }
  const verdict = policy.after(visit, { status: response.status })
  visit.headersSent()
  if (verdict.answer === undefined) return inScope(visit, withHeaders(response, verdict))
  await discard(response.body)
  return new Response(verdict.answer.body, verdict.answer)
}

/** Adds headers to the app's own response, to a copy only where its headers cannot be changed. */
function withHeaders(response: Response, { headers }: Verdict): Response {
  if (headers.length === 0) return response
  let target = response
  try {
    for (const [name, value] of headers) add(target.headers, name, value)
  } catch {
    target = new Response(response.body, response)
    for (const [name, value] of headers) add(target.headers, name, value)
  }
  return target
}

function add(headers: Headers, name: string, value: string): void {
  if (name === 'set-cookie') headers.append(name, value)
  else headers.set(name, value)
}

/**
 * A body that is made while it is read would be made in the scope of whoever reads it; this keeps it in the request's.
 * Bodies with a length are there already.
 */
function inScope(visit: Visit, response: Response): Response {
  if (!isStreamed(response)) return response
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await visit.run(() => reader.read())
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => visit.run(() => reader.cancel(reason)),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, response)
}

function isStreamed(response: Response): boolean {
  // Frameworks that replace Response by a lighter one make its body on demand: looking at it would cost them that.
  if (Object.getPrototypeOf(response) !== nativeResponse || response.headers.has('content-length')) return false
  return response.body !== null && response.status >= 200 && !response.bodyUsed
}

const nativeResponse = Response.prototype as object

async function discard(body: ReadableStream | null): Promise<void> {
  if (body !== null && !body.locked) await body.cancel().catch(() => undefined)
}

/** A Fetch request as the policy sees it. */
class FetchRequest implements IncomingRequest {
  /** The request to hand on: another one than came in once its body has been looked at. */
  current: Request
  readonly method: string
  #bytes = 0
  #complete = false
  readonly #unknownLength: boolean

  constructor(request: Request) {
    this.current = request
    this.method = request.method
    const { headers } = request
    this.#unknownLength =
      this.method !== 'GET' &&
      this.method !== 'HEAD' &&
      headers.has('transfer-encoding') &&
      !headers.has('content-length')
  }

  get path(): string {
    const { url } = this.current
    const start = url.indexOf('/', url.indexOf('://') + 3)
    return start === -1 ? '/' : url.slice(start)
  }

  get headers(): Headers {
    return this.current.headers
  }

  get signal(): AbortSignal {
    return this.current.signal
  }

  bodySoFar(): { bytes: number; complete: boolean } {
    return this.#unknownLength ? { bytes: this.#bytes, complete: this.#complete } : { bytes: 0, complete: true }
  }

  /** Reads up to the limit; what was read is read again by the handler, ahead of the rest. */
  async measureBody(limit: number): Promise<boolean> {
    const { body } = this.current
    if (body === null) return true
    const reader = body.getReader()
    const chunks: Uint8Array[] = []
    while (this.#bytes <= limit && !this.#complete) {
      const { done, value } = await reader.read()
      if (done) this.#complete = true
      else {
        this.#bytes += value.byteLength
        chunks.push(value)
      }
    }
    const again = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const chunk = chunks.shift() ?? (await reader.read()).value
        if (chunk === undefined) controller.close()
        else controller.enqueue(chunk)
      },
      cancel: (reason) => reader.cancel(reason),
    })
    this.current = new Request(this.current, { body: again, duplex: 'half' } as RequestInit)
    return this.#complete && this.#bytes <= limit
  }
}
