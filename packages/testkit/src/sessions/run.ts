import fc from 'fast-check'
import { judge, judgeBare, type Verdict, type Way, ways } from './judge.ts'
import { judgeMeeting, meetingsOf, printMeeting } from './meeting.ts'
import { shrink } from './shrink.ts'
import { printSession, type Session } from './step.ts'
import type { World } from './world.ts'

export interface RunOptions {
  /** How many sessions. */
  readonly sessions: number
  readonly seed: number
  /** Whether the others are still played after one has gone wrong. Default: false. */
  readonly keepsGoing?: boolean
  /** Told after each session. */
  readonly onProgress?: (figures: Figures) => void
  /** Told of each session that goes wrong in a way that was not seen before, in words. */
  readonly onFailure?: (failure: string) => void
}

/** How the sessions have gone, by way. */
export type Figures = { readonly [W in Way]: Readonly<Record<'equal' | 'refused' | 'wrong', number>> }

export interface RunReport {
  readonly figures: Figures
  /** Sessions that have gone wrong, and how, in words; each way of going wrong once. */
  readonly failures: readonly string[]
}

/** Plays random sessions on the bare server alone, twice each. Returns those that differ, in words. */
export async function runBareSessions(world: World, sessions: number, seed: number): Promise<string[]> {
  const failures: string[] = []
  for (const session of fc.sample(world.adapter.dialect.sessions, { numRuns: sessions, seed })) {
    const how = await judgeBare(world, session)
    if (typeof how !== 'string') failures.push(`${printSession(session)}\n\n${how.fault}`)
  }
  return failures
}

/** Compares random sessions. */
export async function runSessions(world: World, options: RunOptions): Promise<RunReport> {
  const { sessions, seed, keepsGoing = false, onProgress, onFailure } = options
  const none = { equal: 0, refused: 0, wrong: 0 }
  const figures = { job: { ...none }, answering: { ...none }, replayed: { ...none } }
  const failures = new Map<string, string>()
  for (const session of fc.sample(world.adapter.dialect.sessions, { numRuns: sessions, seed })) {
    const fail = ({ text, kind }: Explanation): void => {
      if (failures.has(kind)) return
      failures.set(kind, text)
      onFailure?.(text)
    }
    try {
      const verdict = await judge(world, session)
      for (const way of ways) {
        const how = verdict[way]
        figures[way][typeof how === 'string' ? how : 'wrong']++
        if (typeof how !== 'string') fail(await explain(world, session, way, how.fault))
      }
    } catch (error) {
      // Neither as on one server nor otherwise: it could not be played. The others can.
      if (!keepsGoing) throw error
      fail({ text: `${printSession(session)}\n\n${(error as Error).stack}`, kind: `not played: ${String(error)}` })
      await world.startsOver()
    }
    onProgress?.(figures)
    if (failures.size > 0 && !keepsGoing) break
  }
  return { figures, failures: [...failures.values()] }
}

interface Explanation {
  readonly text: string
  /** What others have in common that go wrong in the same way. */
  readonly kind: string
}

/** What has gone wrong with a session, with as little around it as possible. */
async function explain(world: World, session: Session, way: Way, fault: string): Promise<Explanation> {
  const before = world.lot.sessions.slice(0, -1)
  const judgeIn = async (...sessions: readonly Session[]): Promise<string | undefined> => {
    await world.startsLot()
    let found: string | undefined
    for (const each of sessions) found = faultIn(way, await judge(world, each, [way]))
    return found
  }
  const smallest = await shrink(session, judgeIn)
  if (smallest.fault !== undefined) {
    const text = `${printSession(smallest.session)}\n\n[${way}] ${smallest.fault}`
    return { text, kind: kindOf(smallest.session, smallest.fault) }
  }
  // By itself it goes well: it depends on what others have done in the same pools.
  for (const earlier of before.toReversed()) {
    const again = await judgeIn(earlier, session)
    if (again === undefined) continue
    const first = await shrink(earlier, (smaller) => judgeIn(smaller, session))
    const second = await shrink(session, (smaller) => judgeIn(first.session, smaller))
    const text = `${printSession(first.session)}\n… and in the same pools\n${printSession(second.session)}\n\n[${way}] ${second.fault}`
    return { text, kind: `after another: ${kindOf(second.session, second.fault)}` }
  }
  const text = `${[...before, session].map(printSession).join('\n…\n')}\n\n[${way}] ${fault} (once only)`
  return { text, kind: `once only: ${kindOf(session, fault)}` }
}

function faultIn(way: Way, verdict: Verdict): string | undefined {
  const how = verdict[way]
  return typeof how === 'string' ? undefined : how.fault
}

/** Sessions of the same kinds of steps that go wrong alike are one failure. */
function kindOf({ steps }: Session, fault: string | undefined): string {
  return [...steps.map(({ kind }) => kind), fault?.replace(/\d+/g, '').slice(0, 24)].join(' → ')
}

/** Has sessions meet in one pool. Returns those meetings that go wrong, in words: the first one, or all. */
export async function runMeetings(
  world: World,
  { meetings, seed, keepsGoing = false }: { meetings: number; seed: number; keepsGoing?: boolean },
): Promise<{ refused: number; failures: string[] }> {
  const failures: string[] = []
  let refused = 0
  for (const meeting of fc.sample(meetingsOf(world.adapter), { numRuns: meetings, seed })) {
    const how = await judgeMeeting(world, meeting)
    if (how === 'refused') refused++
    if (typeof how === 'string') continue
    failures.push(`${printMeeting(meeting)}\n\n${how.fault}`)
    if (!keepsGoing) break
  }
  return { refused, failures }
}

/** The figures on one line. */
export function printFigures(figures: Figures): string {
  return ways
    .map((way) => {
      const { equal, refused, wrong } = figures[way]
      const parts = [`${equal} as on one server`, `${refused} ${way === 'replayed' ? 'replayed' : 'refused'}`]
      return `${way}: ${[...parts, ...(wrong > 0 ? [`${wrong} wrong`] : [])].join(', ')}`
    })
    .join(' · ')
}
