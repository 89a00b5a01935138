import type { Classifier } from './classifier.ts'
import type { Analysis } from './types.ts'

/** What one connection has prepared, by name: with PREPARE, or with a named statement of the protocol. */
export interface StatementMemory {
  /** {@link Classifier.classify}, where EXECUTE has the verdict of what was prepared under its name. */
  classify(sql: string): Analysis
  /** The driver prepares `sql` under `name`. Returns its analysis. */
  remember(name: string, sql: string): Analysis
  /** The analysis of what was prepared under `name`. */
  recall(name: string): Analysis | undefined
  /** The driver closes `name`; without one, the session was reset. */
  forget(name?: string): void
}

/** A memory for one connection. Drop it with the connection. */
export function createStatementMemory(classifier: Classifier): StatementMemory {
  const byName = new Map<string, Analysis>()

  /** Follows the steps of a text; the verdict of the strongest EXECUTE among them replaces an `unknown`. */
  function follow(analysis: Analysis): Analysis {
    let result = analysis
    for (const step of analysis.prepared!) {
      switch (step.action) {
        case 'prepare':
          byName.set(step.name, { ...analysis, ...step.verdict, prepared: undefined })
          break
        case 'execute': {
          const known = byName.get(step.name)
          if (known !== undefined && (result.access !== 'write' || result.reason === 'execute')) {
            result = { ...analysis, access: known.access, reason: known.reason }
          }
          break
        }
        case 'deallocate':
          byName.delete(step.name)
          break
        case 'deallocate-all':
          byName.clear()
          break
      }
    }
    return result
  }

  return {
    classify(sql) {
      const analysis = classifier.classify(sql)
      return analysis.prepared === undefined ? analysis : follow(analysis)
    },
    remember(name, sql) {
      const analysis = classifier.classify(sql)
      byName.set(name, analysis)
      return analysis
    },
    recall: (name) => byName.get(name),
    forget(name) {
      if (name === undefined) byName.clear()
      else byName.delete(name)
    },
  }
}
