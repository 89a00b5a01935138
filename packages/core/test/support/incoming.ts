import type { RequestVisit } from '../../src/policy/visit.ts'
import type { IncomingRequest, ReplayPolicy, UnmeasuredBody } from '../../src/policy.ts'

export interface IncomingOptions {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: UnmeasuredBody
  readonly answerBegun?: boolean
}

/** A request in the neutral form, as a middleware would make it. */
export function incoming(options: IncomingOptions = {}): IncomingRequest {
  const { method = 'GET', path = '/', body, answerBegun = false } = options
  const headers = new Headers(options.headers)
  return { method, path, headers, header: (name) => headers.get(name) ?? undefined, body, answerBegun }
}

/** A body that has come in so far; `measure` reads it to its end. */
export function body(bytes: number, options: { complete?: boolean; more?: number } = {}): UnmeasuredBody {
  const { more = 0 } = options
  const state = {
    bytes,
    complete: options.complete ?? false,
    async measure(limit: number) {
      state.bytes += more
      state.complete = true
      return state.bytes <= limit
    },
  }
  return state
}

/** What a handler of the request ends with. */
export interface Ended {
  readonly ran: boolean
  readonly status: number
  readonly headers: Record<string, string>
  readonly json: { error: { code: string; reason: string } } | undefined
  readonly cookies: string[]
  readonly visit: RequestVisit
}

/** A request's visit, with what only tests of the inside may know. */
export async function begin(policy: ReplayPolicy, request: IncomingRequest): Promise<RequestVisit> {
  return (await policy.before(request)) as RequestVisit
}

/** Takes a request through a policy, as a middleware does. */
export async function attend(
  policy: ReplayPolicy,
  request: IncomingRequest,
  handler: () => unknown = () => undefined,
): Promise<Ended> {
  const visit = await begin(policy, request)
  if (visit.answer !== undefined) return { ran: false, ...told(visit.answer), cookies: [], visit }
  let outcome: { error?: unknown; status?: number }
  try {
    const status = await visit.run(handler)
    outcome = { status: typeof status === 'number' ? status : 200 }
  } catch (error) {
    // What the test expects of its handler is not the policy's to answer.
    if (error instanceof Error && 'matcherResult' in error) throw error
    outcome = { error }
  }
  const { answer, headers } = policy.after(visit, outcome)
  const added = Object.fromEntries(headers.filter(([name]) => name !== 'set-cookie'))
  const cookies = headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value)
  if (answer !== undefined) {
    const answered = told(answer)
    return { ran: true, ...answered, headers: { ...answered.headers, ...added }, cookies, visit }
  }
  if ('error' in outcome) throw outcome.error
  return { ran: true, status: outcome.status ?? 200, headers: added, json: undefined, cookies, visit }
}

function told({ status, headers, body: text }: { status: number; headers: Record<string, string>; body: string }) {
  const isJson = headers['content-type']?.startsWith('application/json')
  return { status, headers, json: isJson ? (JSON.parse(text) as Ended['json']) : undefined }
}
