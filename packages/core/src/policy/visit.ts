import type { HttpAnswer } from '../replay/response.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import { createScope, runInScope, type Scope } from '../request/scope.ts'
import type { RequestState } from '../request/state.ts'
import type { TokenContent } from '../token.ts'
import type { RequestFacts } from './options.ts'

/** A request as a middleware hands it to the policy. */
export interface IncomingRequest extends RequestFacts {
  /** One header, by its name in lower case; undefined where there is none. Cheaper than `headers`. */
  header(name: string): string | undefined
  /** Its body, where no header tells how long it is; undefined where there is none, or its length is known. */
  readonly body?: UnmeasuredBody | undefined
  /** The headers of its answer have left already. Default: false. */
  readonly answerBegun?: boolean
  /** Aborts when the client goes away. Asked for only when something has to be waited for. */
  readonly signal?: AbortSignal | undefined
}

/** A body whose length is not known before it has ended. */
export interface UnmeasuredBody {
  /** How much of it has come in. */
  readonly bytes: number
  /** Whether that was all. */
  readonly complete: boolean
  /** Reads ahead, and tells whether it ended within the limit (bytes). The handler still gets every byte. */
  measure(limit: number): Promise<boolean>
}

/** One request on its way through the app: from `before()` to `after()`. */
export interface Visit {
  /** What to answer without calling the handler; undefined: call it, inside `run`. */
  readonly answer: HttpAnswer | undefined
  /** Runs `fn` in the request's scope. */
  run<T>(fn: () => T): T
}

/** A cookie of ours that came with the request. */
export interface SentCookie {
  readonly name: string
  /** The time of its newest entry, by the primary's clock; 0 where it counts for nothing. */
  readonly newest: number
}

/** What a client has sent of ours, read once. */
export interface SentTokens {
  /** What it must see. */
  readonly content: TokenContent
  /** The cookies that carry tokens. */
  readonly cookies: readonly SentCookie[]
}

/** The same, with what no code outside of this package is to know. */
export class RequestVisit implements Visit {
  readonly request: IncomingRequest
  readonly sent: SentTokens
  /** Where its statements go, and what they must see. */
  scope: Scope
  answer: HttpAnswer | undefined = undefined
  /** Why it is served, or answered, here: a word for the debug header. */
  why = 'local'
  /** Names of databases whose token no primary can have given: the client forgets them. */
  forged: readonly string[] = []
  /** The database whose distance decides where it is served. */
  far: DatabaseReplication | undefined = undefined
  /** It has one of the few places for requests that cannot prove where they come from. */
  leavePlace: (() => void) | undefined = undefined

  constructor(request: IncomingRequest, state: RequestState, sent: SentTokens) {
    this.request = request
    this.sent = sent
    this.scope = createScope(state, sent.content)
  }

  /** What the client's tokens said. */
  get incoming(): TokenContent {
    return this.sent.content
  }

  run<T>(fn: () => T): T {
    return runInScope(this.scope, fn)
  }
}
