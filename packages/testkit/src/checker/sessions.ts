import { groupBy } from './group.ts'
import type { Finding, History, Operation, ReadStep, Step, WriteStep } from './history.ts'
import type { Survivors } from './survivors.ts'

/** What one user must see of one row: the writes that every later read has to contain. */
class Demands {
  readonly #byKey: Map<string, Map<string, WriteStep>> = new Map()

  add(write: WriteStep): void {
    const writes = this.#byKey.get(write.key)
    if (writes === undefined) this.#byKey.set(write.key, new Map([[write.id, write]]))
    else writes.set(write.id, write)
  }

  of(key: string): WriteStep[] {
    return [...(this.#byKey.get(key)?.values() ?? [])]
  }
}

/** A rule about what one user sees: which writes a request, once answered, obliges later ones to show. */
interface SessionRule {
  readonly name: string
  readonly obliges: (operation: Operation) => readonly WriteStep[]
  readonly message: (read: ReadStep, missing: WriteStep) => string
}

/** A read that was begun after a write of the same user was acknowledged sees that write. */
export const readYourWrites: SessionRule = {
  name: 'read-your-writes',
  obliges: ({ outcome, steps, late }) => (outcome === 'acknowledged' && !late ? steps.filter(isWrite) : []),
  message: (read, missing) =>
    `${show(read)} although the same user's write ${missing.id} of it was acknowledged before`,
}

/** A read never sees less than an earlier read of the same user did. */
export const monotonicReads: SessionRule = {
  name: 'monotonic-reads',
  obliges: ({ outcome, steps }) =>
    outcome === 'acknowledged' ? steps.flatMap((step) => (step.kind === 'read' ? newest(step) : [])) : [],
  message: (read, missing) => `${show(read)} although the same user had seen write ${missing.id} of it before`,
}

/**
 * Follows each user through the history in the order of time. Only what was over before a request began obliges it;
 * of requests in parallel, nothing follows. Writes that did not survive need not be seen: another rule counts them.
 */
export function checkSessions({ operations }: History, survivors: Survivors, rule: SessionRule): Finding[] {
  const findings: Finding[] = []
  for (const mine of byUser(operations)) {
    const demands = new Demands()
    const ended = mine.toSorted((a, b) => a.ended - b.ended)
    let next = 0
    for (const operation of mine.toSorted((a, b) => a.begun - b.begun)) {
      for (
        let earlier = ended[next];
        earlier !== undefined && earlier.ended < operation.begun;
        earlier = ended[++next]
      ) {
        for (const write of rule.obliges(earlier)) demands.add(write)
      }
      if (operation.outcome !== 'acknowledged') continue
      for (const read of operation.steps.filter(isRead)) {
        const missing = firstMissing(read, demands.of(read.key), survivors)
        if (missing !== undefined) findings.push({ rule: rule.name, message: rule.message(read, missing), operation })
      }
    }
  }
  return findings
}

/** Within one request, a read after a write of the same row sees it. */
export function checkRequests({ operations }: History, survivors: Survivors): Finding[] {
  const findings: Finding[] = []
  for (const operation of operations) {
    if (operation.outcome !== 'acknowledged') continue
    const demands = new Demands()
    for (const step of operation.steps) {
      if (step.kind === 'write') demands.add(step)
      else {
        const missing = firstMissing(step, demands.of(step.key), survivors)
        if (missing === undefined) continue
        const message = `${show(step)} after its own write ${missing.id}`
        findings.push({ rule: 'read-in-request', message, operation })
      }
    }
  }
  return findings
}

function firstMissing(read: ReadStep, demanded: readonly WriteStep[], survivors: Survivors): WriteStep | undefined {
  const contains = survivors.contentOf(read)
  return demanded.find(({ id }) => {
    const survived = survivors.find(id)
    return survived !== undefined && !contains(survived)
  })
}

function byUser(operations: readonly Operation[]): Operation[][] {
  return [...groupBy(operations, ({ user }) => user).values()]
}

function newest({ key, version, last }: ReadStep): WriteStep[] {
  return last === undefined ? [] : [{ kind: 'write', key, id: last, version }]
}

function isWrite(step: Step): step is WriteStep {
  return step.kind === 'write'
}

function isRead(step: Step): step is ReadStep {
  return step.kind === 'read'
}

function show({ key, version, last }: ReadStep): string {
  return `${key} was read at version ${version}${last === undefined ? '' : ` (${last})`}`
}
