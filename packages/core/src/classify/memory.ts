import type { Classifier } from './classifier.ts'
import { stronger } from './rules.ts'
import type { Analysis, PreparedStep } from './types.ts'

/** What one connection has prepared, by name: with PREPARE, or with a named statement of the protocol. */
export interface StatementMemory {
  /** {@link Classifier.classify}, where EXECUTE has the verdict of what was prepared under its name. */
  classify(sql: string): Analysis
  /** The driver prepares `sql` under `name`, or has done so before. */
  remember(name: string, sql: string): void
  /** The analysis of what the driver prepared under `name`, with what has been learned since. */
  recall(name: string): Analysis | undefined
  /** The driver closes `name`; without one, the session was reset. */
  forget(name?: string): void
}

/**
 * A memory for one connection. Drop it with the connection.
 * @example
 * const memory = createStatementMemory(classifier)
 * memory.classify('PREPARE pay AS UPDATE orders SET paid = true')   // access: 'read'
 * memory.classify('EXECUTE pay')                                    // access: 'write', reason: 'update'
 */
export function createStatementMemory(classifier: Classifier): StatementMemory {
  /** The texts that the driver prepared, and the analyses of what SQL did: Postgres keeps both under the same names. */
  const prepared = new Map<string, string | Analysis>()

  /** The text that was prepared under a name; of what SQL did, the PREPARE itself, in which it stands. */
  function textOf(name: string): string | undefined {
    const known = prepared.get(name)
    return typeof known === 'string' ? known : known?.executed
  }

  function recall(name: string): Analysis | undefined {
    const known = prepared.get(name)
    return typeof known === 'string' ? classifier.classify(known) : known
  }

  /** Follows what a text prepares, executes and forgets, in its order. */
  function follow(sql: string, analysis: Analysis, steps: readonly PreparedStep[]): Analysis {
    let result = analysis
    for (const step of steps) {
      switch (step.action) {
        case 'prepare':
          prepared.set(step.name, {
            ...analysis,
            ...step.verdict,
            prepared: undefined,
            executed: sql,
            catalogueGeneration: 0,
          })
          break
        case 'execute': {
          const known = recall(step.name)
          if (known !== undefined)
            result = {
              ...analysis,
              ...resolved(result, known),
              calls: joined(result.calls, known.calls),
              executed: textOf(step.name),
              catalogueGeneration: 0,
            }
          break
        }
        case 'deallocate':
          prepared.delete(step.name)
          break
        case 'deallocate-all':
          prepared.clear()
          break
      }
    }
    return result
  }

  return {
    classify(sql) {
      const analysis = classifier.classify(sql)
      return analysis.prepared === undefined ? analysis : follow(sql, analysis, analysis.prepared)
    },
    remember(name, sql) {
      if (prepared.get(name) !== sql) prepared.set(name, sql)
    },
    recall,
    forget(name) {
      if (name === undefined) prepared.clear()
      else prepared.delete(name)
    },
  }
}

/** An EXECUTE that was unknown is what it executes; beside something stronger it is at most that. */
function resolved(so: Analysis, { access, reason }: Analysis): Pick<Analysis, 'access' | 'reason'> {
  const verdict = so.reason === 'execute' ? { access, reason } : stronger(so, { access, reason })
  return { access: verdict.access, reason: verdict.reason }
}

function joined(calls: Analysis['calls'], more: Analysis['calls']): Analysis['calls'] {
  if (calls === undefined || more === undefined) return calls ?? more
  return [...new Set([...calls, ...more])]
}
