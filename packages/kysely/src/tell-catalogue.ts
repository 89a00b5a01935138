import type { ConnectionGuard } from '@flyroute/core/adapter'
import type { Guarded } from './guarded.ts'
import { unlessItHangs } from './on-replica.ts'
import type { Statement } from './statement.ts'

/**
 * Asks on the statement's own connection which routines write, where a statement waits to know: a connection for that question
 * alone may not come before those are given back that wait for its answer. Not where the app could see it.
 */
export async function tellCatalogue(connection: Guarded, { analysis, scope }: Statement): Promise<void> {
  const { guard } = connection
  const { catalogue, facts } = guard.database
  if (!isAsNew(guard) || (facts.questionsShow && analysis.dependsOnSession)) return
  try {
    await unlessItHangs(connection, catalogue.learns(facts.writers(guard.wire.ask)), scope)
  } catch {
    // It is not known, then.
  }
}

/** Whether a question is answered as on a connection of its own, and leaves nothing. */
function isAsNew<S>({ session }: ConnectionGuard<S>): boolean {
  const { settings, begin } = session.image
  return session.canMove && session.transaction === undefined && settings.length + begin.length === 0
}
