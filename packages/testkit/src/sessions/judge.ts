import type { IncomingMessage, ServerResponse } from 'node:http'
import { replayable as replayableFetch } from '@flyroute/core/fetch'
import { replayable as replayableNode } from '@flyroute/core/node'
import { printChanges } from './contents.ts'
import type { Contents } from './dialect.ts'
import { type Leftovers, leftoversOf, leftoversOnPrimary } from './leftovers.ts'
import type { Place } from './lot.ts'
import { firstDifference, isStuck, play, type Transcript } from './play.ts'
import type { Session } from './step.ts'
import type { SessionSubject } from './subject.ts'
import type { World } from './world.ts'

/** The ways in which a session comes to run through flyroute in a replica's region. */
export const ways = ['job', 'answering', 'replayed'] as const
export type Way = (typeof ways)[number]

/** How a session has gone in each way: as on one server, refused, or not as it must. */
export type Verdict = { readonly [W in Way]: 'equal' | 'refused' | { readonly fault: string } }

/** Runs a session on the bare server twice: what differs then is no matter of flyroute's. */
export async function judgeBare(world: World, session: Session): Promise<Verdict[Way]> {
  const expected = await runBare(world, session)
  return judgeRun(world, session, await runBare(world, session), expected)
}

/** Runs a session on one bare server and in all the ways through flyroute. */
export async function judge(world: World, session: Session, which: readonly Way[] = ways): Promise<Verdict> {
  await world.begins(session)
  const expected = await runBare(world, session)
  const verdict: { [W in Way]: Verdict[W] } = { job: 'equal', answering: 'equal', replayed: 'equal' }
  for (const way of which) {
    if (way === 'replayed') verdict[way] = await judgeReplayed(world, session, expected)
    else {
      const use = way === 'job' ? playOn(world, session) : answering(world, session)
      verdict[way] = await judgeRun(world, session, await run(world, 'away', use), expected)
    }
  }
  return verdict
}

function playOn(world: World, session: Session): (subject: SessionSubject) => Promise<Transcript> {
  return (subject) => play(subject, session, world.adapter.dialect.first)
}

/** What one run of a session has shown and left. */
interface Run {
  readonly transcript: Transcript
  readonly leftovers: Leftovers
  readonly contents: Contents
  readonly damage: string | undefined
}

function runBare(world: World, session: Session): Promise<Run> {
  return run(world, 'bare', playOn(world, session))
}

/** Runs something in one of the pools, looks at what it has left there, and ends its connections. */
async function run(world: World, place: Place, use: (subject: SessionSubject) => Promise<Transcript>): Promise<Run> {
  const { lot } = world
  const subject = lot.subject(place)
  let isFit = false
  try {
    const transcript = await use(subject)
    const leftovers = await look(world, subject, place)
    isFit = !isStuck(transcript, [...leftovers.local, ...leftovers.primary])
    const obstacle = isFit ? undefined : await lot.discard(subject)
    return { transcript, leftovers, ...(await world.takeContents(obstacle)) }
  } finally {
    if (!isFit) await lot.discard(subject)
  }
}

/** What the pool's connections hold, where there are any: they are ended. */
async function look(world: World, subject: SessionSubject, place: Place): Promise<Leftovers> {
  const { leftovers } = world.adapter.dialect
  const local = (await world.isUsed(place === 'away' ? 'replica' : 'primary'))
    ? await leftoversOf(subject, leftovers)
    : []
  if (place !== 'away') return { local, primary: local }
  return { local, primary: (await world.isUsed('primary')) ? await leftoversOnPrimary(subject, leftovers) : [] }
}

async function judgeRun(
  world: World,
  session: Session,
  { transcript, leftovers, contents, damage }: Run,
  expected: Run,
): Promise<Verdict[Way]> {
  if (damage !== undefined) return { fault: damage }
  const { refusal } = transcript
  const difference = firstDifference(transcript, expected.transcript)
  const written = printChanges(world.initial, contents)
  if (refusal !== undefined && written !== '')
    return { fault: `refused (${refusal.code}) at "${refusal.step.text}" after it had written: ${written}` }
  if (difference !== undefined) return { fault: difference }
  const misplaced = printChanges(expected.contents, contents)
  if (refusal === undefined && misplaced !== '') return { fault: misplaced }
  const left = await leftBehind(world, session, { transcript, leftovers }, expected)
  if (left !== undefined) return { fault: left }
  return refusal === undefined ? 'equal' : 'refused'
}

/** What a pooled connection holds and the bare pool's would not. */
async function leftBehind(
  world: World,
  session: Session,
  { transcript, leftovers }: Pick<Run, 'transcript' | 'leftovers'>,
  expected: Run,
): Promise<string | undefined> {
  const more = (run: Run): string[] => {
    const allowed = new Set([...world.clean, ...run.leftovers.local])
    return Object.entries(leftovers).flatMap(([where, lines]) =>
      (lines as readonly string[]).filter((line) => !allowed.has(line)).map((line) => `${line} (${where})`),
    )
  }
  let left = more(expected)
  // What was refused has left nothing: the bare pool is asked again, without it.
  if (left.length > 0 && transcript.refusal !== undefined)
    left = more(await runBare(world, { ...session, steps: transcript.passed }))
  return left.length === 0 ? undefined : `left on a pooled connection: ${left.join(', ')}`
}

/** In a request whose answer has begun. */
function answering(world: World, session: Session): (subject: SessionSubject) => Promise<Transcript> {
  const use = playOn(world, session)
  return async (subject) => {
    let transcript: Transcript | undefined
    let failure: unknown
    const handler = async (_: IncomingMessage, response: ServerResponse): Promise<void> => {
      try {
        response.writeHead(200)
        response.write('begun')
        transcript = await use(subject)
      } catch (error) {
        failure = error
      } finally {
        response.end()
      }
    }
    await world.server.ask(replayableNode(handler, { databases: databasesOf(subject) }))
    if (transcript === undefined) throw failure
    return transcript
  }
}

/** In a request that is replayed when it is refused, and then runs whole in the primary's region. */
async function judgeReplayed(world: World, session: Session, expected: Run): Promise<Verdict[Way]> {
  let isReplayed = false
  const here = await run(world, 'away', async (subject) => {
    const { transcript, response } = await request(world, subject, session, {})
    isReplayed = response?.headers.get('fly-replay') != null
    if (transcript.refusal !== undefined && !isReplayed)
      return {
        ...transcript,
        outcomes: [...transcript.outcomes, { error: `${transcript.refusal.code}, and no replay` }],
      }
    return transcript
  })
  const verdict = await judgeRun(world, session, here, expected)
  if (!isReplayed) return verdict
  if (verdict === 'equal') return { fault: 'answered with a replay, although nothing was refused' }
  if (verdict !== 'refused') return verdict
  const headers = { 'fly-replay-src': 'instance=one;region=ams;t=1;state=flyroute:write' }
  const there = await run(world, 'home', async (subject) => {
    const { transcript } = await request(world, subject, { ...session, swallows: false }, headers)
    return transcript
  })
  const again = await judgeRun(world, session, there, expected)
  if (again === 'refused') return { fault: `refused in the primary's region, too (${there.transcript.refusal?.code})` }
  return again === 'equal' ? 'refused' : { fault: `in the primary's region: ${again.fault}` }
}

/** One GET whose handler is the session. */
async function request(
  world: World,
  subject: SessionSubject,
  session: Session,
  headers: Record<string, string>,
): Promise<{ transcript: Transcript; response: Response | undefined }> {
  let transcript: Transcript | undefined
  let failure: unknown
  const handler = replayableFetch(
    async (_: Request) => {
      try {
        transcript = await playOn(world, session)(subject)
      } catch (error) {
        failure = error
        throw error
      }
      if (transcript.refusal !== undefined && !session.swallows) throw transcript.refusal.error
      return new Response('done')
    },
    { databases: databasesOf(subject) },
  )
  // What a handler throws is for its framework to answer.
  const response = await Promise.resolve(handler(new Request('http://app.test/', { headers }))).catch(() => undefined)
  if (transcript === undefined) throw failure
  return { transcript, response }
}

function databasesOf({ database }: SessionSubject): NonNullable<SessionSubject['database']>[] {
  if (database === undefined) throw new TypeError("Only flyroute's own can be handed to a handler")
  return [database]
}
