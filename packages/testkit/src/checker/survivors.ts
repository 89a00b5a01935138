import { groupBy } from './group.ts'
import type { History, ReadStep, SurvivingWrite } from './history.ts'

/** The final state, indexed, and what follows from it about any read. */
export interface Survivors {
  /** How the surviving primary holds a write; undefined where it was lost, or never happened. */
  find(id: string): SurvivingWrite | undefined
  /** All copies of the write. */
  copies(id: string): readonly SurvivingWrite[]
  /** Tells of writes that have survived whether what was read contains them. */
  contentOf(read: ReadStep): (write: SurvivingWrite) => boolean
}

/** Reads the final state. A fail-over may have lost writes: those are no part of it. */
export function indexSurvivors({ operations, survivors }: History): Survivors {
  const byId = groupBy(survivors, ({ id }) => id)
  const find = (id: string): SurvivingWrite | undefined => byId.get(id)?.[0]

  // Rows of a primary that was replaced share only what lies before the first write that got lost.
  const firstLost = new Map<string, number>()
  const lost = (key: string, version: number): void => {
    firstLost.set(key, Math.min(version, firstLost.get(key) ?? version))
  }
  for (const { steps } of operations) {
    for (const step of steps) {
      const id = step.kind === 'write' ? step.id : step.last
      if (id !== undefined && step.version !== undefined && !byId.has(id)) lost(step.key, step.version)
    }
  }

  return {
    find,
    copies: (id) => byId.get(id) ?? [],
    contentOf({ key, version, last, items }) {
      if (items !== undefined) {
        const ids = new Set(items)
        return ({ id }) => ids.has(id)
      }
      const isLeftBehind = last !== undefined && find(last) === undefined
      const shared = isLeftBehind ? (firstLost.get(key) ?? version + 1) - 1 : version
      return (write) => write.version <= Math.min(version, shared)
    },
  }
}
