import fc from 'fast-check'
import { printChanges } from './contents.ts'
import type { Contents } from './dialect.ts'
import { leftoversOf, leftoversOnPrimary } from './leftovers.ts'
import type { Place } from './lot.ts'
import { firstDifference, isStuck, plays, skipped, type Transcript } from './play.ts'
import { printSession, type Session } from './step.ts'
import type { SessionSubject } from './subject.ts'
import type { SessionAdapter, World } from './world.ts'

/** Sessions that run in the same pool at the same time. */
export interface Meeting {
  /** What runs one after the other: the second one of a lane may get the connection that the first one has given back. */
  readonly lanes: readonly (readonly Session[])[]
  /** Whose turn it is, by lane, one statement at a time. A lane that is over passes; what is left at the end goes lane by lane. */
  readonly order: readonly number[]
}

/** How many statements of a session take part in a meeting at most. */
const longest = 6
const lanes = 2

/** Meetings of two sessions, and of three of which one comes later: where it can be told what it finds. */
export function meetingsOf({ dialect, ends = true }: SessionAdapter): fc.Arbitrary<Meeting> {
  const { sessions, blocks, leaves } = dialect
  const session = sessions.map(({ steps, ...rest }) => ({
    ...rest,
    steps: steps.filter(({ text }) => !blocks.test(text)).slice(0, longest),
    swallows: false,
  }))
  const lane = (maxLength: number): fc.Arbitrary<Session[]> =>
    fc.array(session, { minLength: 1, maxLength }).map((all) =>
      all.map(({ steps, ...rest }, at) => ({
        ...rest,
        steps: at === all.length - 1 ? steps : steps.filter(({ text }) => !leaves.test(text)),
      })),
    )
  return fc.record({
    lanes: fc.tuple(lane(ends ? 2 : 1), lane(1)),
    order: fc.array(fc.nat({ max: lanes - 1 }), { minLength: 4, maxLength: 4 * longest, size: 'max' }),
  })
}

/** A meeting as a person reads it. */
export function printMeeting({ lanes, order }: Meeting): string {
  const printed = lanes.map((sessions, lane) => `— lane ${lane} —\n${sessions.map(printSession).join('\n…\n')}`)
  return [...printed, `(order ${order.join('')})`].join('\n')
}

interface Met {
  /** By lane, and in that by session. */
  readonly transcripts: readonly (readonly Transcript[])[]
  readonly left: readonly string[]
  readonly contents: Contents
  readonly damage: string | undefined
}

/** What is wrong with a meeting through flyroute, in a job in the replica's region; undefined where it is as on one server. */
export async function judgeMeeting(world: World, meeting: Meeting): Promise<'equal' | 'refused' | { fault: string }> {
  const { leftovers } = world.adapter.dialect
  const met = await meet(world, 'away', meeting, async (subject) => {
    const local = await leftoversOf(subject, leftovers, lanes)
    return [...local, ...(await leftoversOnPrimary(subject, leftovers, lanes))]
  })
  if (met.damage !== undefined) return { fault: met.damage }
  let fault: string | undefined
  for (const variant of variantsOf(withoutRefused(meeting, met))) {
    const expected = await meet(world, 'bare', variant, (bare) => leftoversOf(bare, leftovers, lanes))
    const difference = differenceBetween(world, met, expected)
    if (difference === undefined) {
      return met.transcripts.flat().some(({ refusal }) => refusal !== undefined) ? 'refused' : 'equal'
    }
    fault ??= difference
  }
  return { fault: fault ?? 'there is nothing to compare it with' }
}

/** A session begins on a new connection, or with what one that has ended before it has left in the pool: either is right. */
function variantsOf(meeting: Meeting): Meeting[] {
  const { lanes, order } = meeting
  if (lanes.every(({ length }) => length < 2)) return [meeting]
  const places = lanes.flatMap((sessions, lane) => sessions.map((_, at) => `${lane} ${at}`))
  return Array.from({ length: 2 ** places.length }, (_, variant) => ({
    order,
    lanes: lanes.map((sessions, lane) =>
      sessions.map((session, at): Session => {
        const isDestroyed = (variant >> places.indexOf(`${lane} ${at}`)) % 2 === 1
        return isDestroyed ? { ...session, ending: 'destroy' } : session
      }),
    ),
  }))
}

function differenceBetween(world: World, met: Met, expected: Met): string | undefined {
  for (const [lane, transcripts] of expected.transcripts.entries()) {
    for (const [at, transcript] of transcripts.entries()) {
      const difference = firstDifference(transcriptOf(met.transcripts, lane, at), transcript)
      if (difference !== undefined) return `lane ${lane}, session ${at + 1}, ${difference}`
    }
  }
  const misplaced = printChanges(expected.contents, met.contents)
  if (misplaced !== '') return misplaced
  // Which connection a later session gets, and what it finds and takes away there, is the pool's affair.
  if (expected.transcripts.some(({ length }) => length > 1)) return undefined
  const allowed = new Set([...world.clean, ...expected.left])
  const left = met.left.filter((line) => !allowed.has(line))
  return left.length === 0 ? undefined : `left on a pooled connection: ${left.join(', ')}`
}

/** What was refused is as if it had never been asked for. */
function withoutRefused({ lanes, order }: Meeting, { transcripts }: Met): Meeting {
  return {
    order,
    lanes: lanes.map((sessions, lane) =>
      sessions.map((session, at) => {
        const { refusal, passed } = transcriptOf(transcripts, lane, at)
        return refusal === undefined ? session : { ...session, steps: [...passed, skipped] }
      }),
    ),
  }
}

function transcriptOf(transcripts: Met['transcripts'], lane: number, at: number): Transcript {
  const transcript = transcripts[lane]?.[at]
  if (transcript === undefined) throw new RangeError(`Lane ${lane} has no session ${at + 1}`)
  return transcript
}

async function meet(
  world: World,
  place: Place,
  { lanes, order }: Meeting,
  look: (subject: SessionSubject) => Promise<readonly string[]>,
): Promise<Met> {
  const { lot } = world
  const subject = lot.subject(place, lanes.length)
  let isFit = false
  try {
    const playing = lanes.map((sessions) => playsAll(world, subject, sessions))
    const ends: (readonly Transcript[] | undefined)[] = lanes.map(() => undefined)
    const turn = async (lane: number): Promise<void> => {
      if (ends[lane] !== undefined) return
      const { done, value } = await (playing[lane] as (typeof playing)[number]).next()
      if (done) ends[lane] = value
      // What others have written is seen by the next one, wherever it reads.
      await world.caughtUp()
    }
    // Each lane has a connection before one of them gives its own back.
    for (const lane of lanes.keys()) await turn(lane)
    for (const lane of order) await turn(lane)
    for (const lane of lanes.keys()) while (ends[lane] === undefined) await turn(lane)
    const transcripts = ends as Transcript[][]
    const left = await look(subject)
    isFit = !transcripts.flat().some((transcript) => isStuck(transcript, left))
    const obstacle = isFit ? undefined : await lot.discard(subject)
    return { transcripts, left, ...(await world.takeContents(obstacle)) }
  } finally {
    if (!isFit) await lot.discard(subject)
  }
}

async function* playsAll(
  { adapter }: World,
  subject: SessionSubject,
  sessions: readonly Session[],
): AsyncGenerator<void, readonly Transcript[]> {
  const transcripts: Transcript[] = []
  for (const session of sessions) transcripts.push(yield* plays(subject, session, adapter.dialect.first))
  return transcripts
}
