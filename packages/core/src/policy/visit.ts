import type { HttpAnswer } from '../replay.ts'
import { runInScope, type Scope } from '../scope.ts'
import type { TokenContent } from '../token.ts'
import type { RequestFacts } from './options.ts'

/** A request as a door hands it to the policy. */
export interface IncomingRequest extends RequestFacts {
  /**
   * Reads a body of unknown length, so that it can be read again, and tells whether it ended within the limit (bytes).
   * Undefined where the body cannot be read ahead.
   */
  measureBody?(limit: number): Promise<boolean>
  /** How much of a body of unknown length the handler has got so far, and whether that was all of it. */
  bodySoFar?(): { readonly bytes: number; readonly complete: boolean }
  /** Aborts when the client goes away. */
  readonly signal?: AbortSignal
}

/** One request on its way through the app: from `before()` to `after()`. */
export class Visit {
  readonly request: RequestFacts
  readonly scope: Scope
  /** What the client's token said. */
  readonly incoming: TokenContent
  /** What to answer without calling the handler; undefined: call it, inside `run`. */
  readonly answer: HttpAnswer | undefined
  /** Why it was answered where it was, for the debug header. */
  readonly why: string

  constructor(request: RequestFacts, scope: Scope, incoming: TokenContent, why: string, answer?: HttpAnswer) {
    this.request = request
    this.scope = scope
    this.incoming = incoming
    this.why = why
    this.answer = answer
  }

  /** Names of databases whose token no primary can have given: the client forgets them. */
  readonly forged: Set<string> = new Set()

  /** Runs `fn` in the request's scope. */
  run<T>(fn: () => T): T {
    return runInScope(this.scope, fn)
  }

  /** The headers are on their way: from now on nothing can be replayed, and no token can be added. */
  headersSent(): void {
    this.scope.activity.headersSent = true
  }
}
