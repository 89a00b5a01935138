import type { Protocol } from '../protocol.ts'
import type { ServerSession } from '../server-session.ts'
import { answerOf, greeting, readPackets, welcome } from './packets.ts'
import { answerQuestion, asksToTrack, gtid } from './questions.ts'

/** Sessions that were told to add the GTID of what they commit to their answers. */
const tracking = new WeakSet<ServerSession>()

/** MySQL. */
export const mysql: Protocol = {
  greeting,
  welcome,
  abortsTransactions: false,
  read: readPackets,
  answer: (answer, session) => answerOf(answer, session.status, tracking.has(session) ? gtid : undefined),
  answerQuestion(text, role, session) {
    if (asksToTrack(text)) tracking.add(session)
    return answerQuestion(text, role, session.status)
  },
}
