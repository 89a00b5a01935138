import type { Fates } from './program.ts'
import type { Answer, ServerSession } from './server-session.ts'

/** The language between a driver and the servers of the model. */
export interface Protocol {
  /** What a server says when a connection is made, if it speaks first. */
  readonly greeting: Buffer | undefined
  /** It lets the client in. */
  readonly welcome: Buffer
  /** An error within a transaction aborts it. */
  readonly abortsTransactions: boolean
  /** What a client says that was let in. (What is prepared is not spoken: no program has values.) */
  read(data: Buffer): Iterable<Said>
  /** The answer to a statement of a program. */
  answer(answer: Answer, session: ServerSession): Buffer
  /** The answer to a question of flyroute's own. */
  answerQuestion(text: string, role: keyof Fates, session: ServerSession): Buffer
}

/** The text of a statement, or that the client goes. */
export type Said = { readonly text: string } | 'end'
