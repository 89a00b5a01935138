import { isDeepStrictEqual } from 'node:util'
import { isPrimaryRequired } from '@flyroute/core'
import { inTime } from './patience.ts'
import type { Session, Step } from './step.ts'
import type { SessionConnection, SessionSubject } from './subject.ts'

/** What the app has seen of one statement: a result, or an error's code. */
export type Outcome = { readonly result: unknown } | { readonly error: string }

/** What the app has seen of its session. */
export interface Transcript {
  readonly outcomes: readonly Outcome[]
  /** All statements that were not refused; some may come after the first refusal. */
  readonly passed: readonly Step[]
  /** The first statement that flyroute refused: the session ends there, and so do the outcomes. */
  readonly refusal?: { readonly step: Step; readonly code: string; readonly error: unknown }
}

/** Runs a session on a connection of its own. */
export async function play(subject: SessionSubject, session: Session, first?: Step): Promise<Transcript> {
  const playing = plays(subject, session, first)
  for (;;) {
    const { done, value } = await playing.next()
    if (done) return value
  }
}

/** A step that is not run; it only takes its turn. */
export const skipped: Step = { kind: 'skipped', text: '', form: 'text', values: [] }

/** The same, statement by statement. */
export async function* plays(
  subject: SessionSubject,
  { steps, ending, swallows }: Session,
  first?: Step,
): AsyncGenerator<void, Transcript> {
  const got = await inTime(subject.connect(), 'a connection').catch(refusedAtOnce)
  if ('refusal' in got) return got
  const connection = got
  const outcomes: Outcome[] = []
  const passed: Step[] = []
  let refusal: Transcript['refusal']
  let destroys = ending === 'destroy'
  try {
    if (first !== undefined) await connection.run(first)
    for (const step of steps) {
      yield
      if (step === skipped) break
      const outcome = await attempt(connection, step)
      if ('refused' in outcome) {
        refusal ??= { step, ...outcome.refused }
        if (!swallows) break
        continue
      }
      passed.push(step)
      if (refusal === undefined) outcomes.push(outcome)
      if ('error' in outcome && outcome.error === noAnswer) {
        destroys = true
        break
      }
    }
  } finally {
    if (!destroys && ending === 'release') await attempt(connection, rollback)
    await connection.release(destroys)
  }
  return { outcomes, passed, ...(refusal && { refusal }) }
}

/** While its server is not reached, as for a moment after its connections were ended, nothing of a session is done there. */
function refusedAtOnce(error: unknown): Transcript & Required<Pick<Transcript, 'refusal'>> {
  if (!isRefusal(error)) throw error
  const { code } = error as { code?: unknown }
  return { outcomes: [], passed: [], refusal: { step: connecting, code: String(code), error } }
}

const connecting: Step = { kind: 'connecting', text: '', form: 'text', values: [] }
const noAnswer = 'an answer never came'
const isLost = 'the connection is lost'
const rollback: Step = { kind: 'rollback', text: 'rollback', form: 'text', values: [] }

/** Whether something never came, in the session or when it was looked what it has left: its pool is not used again. */
export function isStuck({ outcomes }: Transcript, left: readonly string[]): boolean {
  const hasNoAnswer = outcomes.some((outcome) => 'error' in outcome && outcome.error === noAnswer)
  return hasNoAnswer || left.some((line) => line.endsWith('never came'))
}

type Attempt = Outcome | { readonly refused: { code: string; error: unknown } }

async function attempt(connection: SessionConnection, step: Step): Promise<Attempt> {
  return inTime(connection.run(step), 'an answer').then((result) => ({ result }), judged)
}

/** Which of them it is depends on who notices first, the reader or the writer, and on whether it had been noticed before. */
const lost = new Set<unknown>([
  'PROTOCOL_CONNECTION_LOST',
  'ECONNRESET',
  'EPIPE',
  "Can't add new command when connection is in closed state",
])

function judged(error: unknown): Attempt {
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (isRefusal(error)) return { refused: { code: String(code), error } }
  return { error: lost.has(code ?? message) ? isLost : String(code ?? message) }
}

function isError(outcome: Outcome | undefined, error: string): boolean {
  return outcome !== undefined && 'error' in outcome && outcome.error === error
}

/** Whether an error says that flyroute, not the server, refused the statement. */
export function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return isPrimaryRequired(error) || code === 'ERR_REPLAY_UNAVAILABLE'
}

/** Where two transcripts part, or undefined where the first is the whole second one, or, refused, its beginning. */
export function firstDifference(actual: Transcript, expected: Transcript): string | undefined {
  for (const [i, outcome] of actual.outcomes.entries()) {
    const other = expected.outcomes[i]
    // To be told that the connection is lost is better than to wait for ever, as the bare driver does behind a failed changeUser.
    if (isError(other, noAnswer) && isError(outcome, isLost)) continue
    if (!isDeepStrictEqual(outcome, other))
      return `statement ${i + 1}: expected ${JSON.stringify(other)}, got ${JSON.stringify(outcome)}`
  }
  if (actual.refusal === undefined && actual.outcomes.length < expected.outcomes.length)
    return `only ${actual.outcomes.length} of ${expected.outcomes.length} statements were answered`
  return undefined
}
