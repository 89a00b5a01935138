import type { HttpAnswer } from '../replay.ts'
import { createScope, runInScope, type Scope } from '../request/scope.ts'
import type { RequestState } from '../request/state.ts'
import type { TokenContent } from '../token.ts'
import type { RequestFacts } from './options.ts'

/** A request as a door hands it to the policy. */
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

/** A body whose length nobody knows before it has ended. */
export interface UnmeasuredBody {
  /** How much of it has come in. */
  readonly bytes: number
  /** Whether that was all. */
  readonly complete: boolean
  /** Reads ahead, and tells whether it ended within the limit (bytes). The handler still gets every byte. */
  measure(limit: number): Promise<boolean>
}

/** One request on its way through the app: from `before()` to `after()`. */
export class Visit {
  readonly request: IncomingRequest
  /** What the client's token said. */
  readonly incoming: TokenContent
  /** Where its statements go, and what they must see. */
  scope: Scope
  /** What to answer without calling the handler; undefined: call it, inside `run`. */
  answer: HttpAnswer | undefined
  /** Why it is served, or answered, here: a word for the debug header. */
  why = 'local'
  /** Names of databases whose token no primary can have given: the client forgets them. */
  forged: readonly string[] = []

  constructor(request: IncomingRequest, state: RequestState, incoming: TokenContent) {
    this.request = request
    this.incoming = incoming
    this.scope = createScope(state, incoming)
  }

  /** Runs `fn` in the request's scope. */
  run<T>(fn: () => T): T {
    return runInScope(this.scope, fn)
  }

  /** The headers are on their way: from now on nothing can be replayed, and no token can be added. */
  headersSent(): void {
    this.scope.request.answerBegins()
  }
}
