import type { Session } from './step.ts'

/**
 * Makes a session smaller for as long as it goes wrong: statements are left out one by one, the last ones first.
 *
 * @param fault what is wrong with a session, or undefined
 * @returns the smallest session, and what is wrong with that
 */
export async function shrink(
  session: Session,
  fault: (session: Session) => Promise<string | undefined>,
): Promise<{ session: Session; fault: string | undefined }> {
  let [smallest, why] = [session, await fault(session)]
  for (let hasChanged = why !== undefined; hasChanged; ) {
    hasChanged = false
    for (const smaller of smallerThan(smallest)) {
      const still = await fault(smaller)
      if (still === undefined) continue
      ;[smallest, why, hasChanged] = [smaller, still, true]
      break
    }
  }
  return { session: smallest, fault: why }
}

function* smallerThan(session: Session): Generator<Session> {
  const { steps } = session
  for (let i = steps.length - 1; i >= 0; i--) yield { ...session, steps: steps.toSpliced(i, 1) }
  if (session.swallows) yield { ...session, swallows: false }
  if (session.ending !== 'release') yield { ...session, ending: 'release' }
}
