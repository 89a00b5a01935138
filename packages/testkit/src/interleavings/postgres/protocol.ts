import type { Protocol } from '../protocol.ts'
import { answerOf, readMessages, welcome } from './messages.ts'
import { answerQuestion } from './questions.ts'

/** PostgreSQL. */
export const postgres: Protocol = {
  greeting: undefined,
  welcome,
  abortsTransactions: true,
  read: readMessages,
  answer: (answer, { status }) => answerOf(answer, status),
  answerQuestion: (text, role, { status }) => answerQuestion(text, role, status),
}
