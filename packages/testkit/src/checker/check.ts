import { groupBy } from './group.ts'
import type { Finding, History, Operation } from './history.ts'
import { riskedWrites } from './risked.ts'
import { checkRequests, checkSessions, monotonicReads, readYourWrites } from './sessions.ts'
import { indexSurvivors } from './survivors.ts'
import { findContradictions, findDuplicates, findLost, findVanished } from './writes.ts'

/** What was promised for this history. */
export interface Promises {
  /** Whether reads of one user never go back. Default: false. */
  readonly monotonic?: boolean
  /** Whether a fail-over without synchronous replication was part of it: what it lost is listed, and is no violation. Default: false. */
  readonly mayLose?: boolean
  /**
   * When (ms, of the history's clock) a primary died. What an asynchronous commit had told shortly before may be lost with it, and is
   * listed. Default: never.
   */
  readonly deaths?: readonly number[]
  /** Whether a request was allowed to fail, for example while there was no primary at all. Default: none was. */
  readonly mayFail?: (operation: Operation) => boolean
}

/** The verdict on a history. */
export interface Verdict {
  readonly operations: number
  readonly reads: number
  /** Writes that were acknowledged. */
  readonly writes: number
  /** Requests that failed, allowed or not. */
  readonly failed: number
  /** What contradicts a promise. */
  readonly violations: readonly Finding[]
  /** Writes that were lost where they might be: acknowledged ones, and ones that a client saw. */
  readonly losses: readonly Finding[]
}

/**
 * Judges a recorded history by what was seen from outside alone: it knows nothing of replicas, positions or tokens.
 *
 * @example
 * const { violations } = check(recorder.history(await finalState()), { monotonic: true })
 */
export function check(history: History, promises: Promises = {}): Verdict {
  const { monotonic = false, mayLose = false, deaths = [], mayFail = () => false } = promises
  const survivors = indexSurvivors(history)
  const risked = riskedWrites(history, deaths)
  const gone = [...findLost(history, survivors), ...findVanished(history, survivors)]
  const isExpected = ({ gone: id }: Finding): boolean => mayLose || (id !== undefined && risked.has(id))
  const steps = history.operations.flatMap(({ outcome, steps }) => (outcome === 'acknowledged' ? steps : []))
  return {
    operations: history.operations.length,
    reads: steps.filter(({ kind }) => kind === 'read').length,
    writes: steps.filter(({ kind }) => kind === 'write').length,
    failed: history.operations.filter(({ outcome }) => outcome === 'failed').length,
    violations: [
      ...findContradictions(history, survivors),
      ...findDuplicates(history, survivors),
      ...gone.filter((finding) => !isExpected(finding)),
      ...checkRequests(history, survivors),
      ...checkSessions(history, survivors, readYourWrites),
      ...(monotonic ? checkSessions(history, survivors, monotonicReads) : []),
      ...findFailures(history, mayFail),
    ],
    losses: gone.filter(isExpected),
  }
}

function findFailures({ operations }: History, mayFail: (operation: Operation) => boolean): Finding[] {
  return operations
    .filter((operation) => operation.outcome === 'failed' && !mayFail(operation))
    .map((operation) => ({
      rule: 'failed-request',
      message: `${operation.name} in ${operation.region} was answered ${operation.status ?? 'not at all'}`,
      operation,
    }))
}

/** Findings as lines for people: how many by rule, and the first few of each with what is known of their request. */
export function describeFindings(findings: readonly Finding[], examples = 3): string {
  const lines: string[] = []
  for (const [rule, found] of groupBy(findings, (finding) => finding.rule)) {
    lines.push(`${rule}: ${found.length}`)
    for (const { message, operation } of found.slice(0, examples)) {
      lines.push(`  ${message}`)
      if (operation === undefined) continue
      const { name, user, region, begun, ended, status, note = '' } = operation
      lines.push(`    ${name} by ${user} in ${region}, ${begun.toFixed(1)}–${ended.toFixed(1)} ms, ${status} ${note}`)
    }
  }
  return lines.join('\n')
}
