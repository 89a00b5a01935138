import { runOnPrimary } from '@flyroute/core'
import { linesOf } from './admin.ts'
import { inTime } from './patience.ts'
import { isRefusal } from './play.ts'
import type { Step } from './step.ts'
import type { SessionConnection, SessionSubject } from './subject.ts'

/** What the sessions of a pool's connections hold, once they have come home: a line each. */
export interface Leftovers {
  readonly local: readonly string[]
  readonly primary: readonly string[]
}

/** Takes the pool's connections once more, asks what their sessions hold, and ends them. */
export async function leftoversOf(
  subject: SessionSubject,
  questions: readonly Step[],
  connections = 1,
): Promise<readonly string[]> {
  const all = Array.from({ length: connections }, () => leftoversOfOne(subject, questions))
  return (await Promise.all(all)).flat()
}

async function leftoversOfOne(subject: SessionSubject, questions: readonly Step[]): Promise<readonly string[]> {
  let connection: SessionConnection
  try {
    connection = await inTime(subject.connect(), 'a connection')
  } catch (error) {
    return [`none: ${(error as Error).message}`]
  }
  try {
    const lines: string[] = []
    for (const question of questions) {
      try {
        lines.push(...linesOf(await inTime(connection.run(question), 'an answer')))
      } catch (error) {
        // What is refused tells nothing; whatever else it is, the bare pool's connection would have said the same.
        if (!isRefusal(error)) lines.push(`an error: ${(error as Error).message}`)
      }
    }
    return lines
  } finally {
    await connection.release(true)
  }
}

/** The same of the pool that flyroute has to the primary, in a replica's region. */
export function leftoversOnPrimary(
  subject: SessionSubject,
  questions: readonly Step[],
  connections = 1,
): Promise<readonly string[]> {
  return runOnPrimary(() => leftoversOf(subject, questions, connections))
}
