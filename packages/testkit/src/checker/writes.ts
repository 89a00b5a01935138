import { groupBy } from './group.ts'
import type { Finding, History, Operation } from './history.ts'
import type { Survivors } from './survivors.ts'

/** An acknowledged write is there at the end. */
export function findLost({ operations }: History, survivors: Survivors): Finding[] {
  const findings: Finding[] = []
  for (const operation of operations) {
    if (operation.outcome !== 'acknowledged') continue
    for (const step of operation.steps) {
      if (step.kind !== 'write' || survivors.find(step.id) !== undefined) continue
      findings.push({
        rule: 'lost-write',
        message: `${step.id} of ${step.key} was acknowledged and is gone`,
        gone: step.id,
        operation,
      })
    }
  }
  return findings
}

/** What a client has seen is there at the end. */
export function findVanished({ operations }: History, survivors: Survivors): Finding[] {
  const findings: Finding[] = []
  const seen = new Set<string>()
  for (const operation of operations) {
    for (const step of operation.steps) {
      if (step.kind !== 'read' || step.last === undefined || seen.has(step.last)) continue
      if (survivors.find(step.last) !== undefined) continue
      seen.add(step.last)
      findings.push({
        rule: 'vanished-write',
        message: `${step.last} of ${step.key} was seen and is gone`,
        gone: step.last,
        operation,
      })
    }
  }
  return findings
}

/** A write was executed once at most, whatever came of its request. */
export function findDuplicates({ operations }: History, survivors: Survivors): Finding[] {
  const findings: Finding[] = []
  for (const operation of operations) {
    for (const step of operation.steps) {
      if (step.kind !== 'write') continue
      const copies = survivors.copies(step.id)
      if (copies.length < 2) continue
      const versions = copies.map(({ version }) => version).join(' and ')
      const message = `${step.id} of ${step.key} was executed ${copies.length} times, as versions ${versions}`
      findings.push({ rule: 'duplicated-write', message, operation })
    }
  }
  return findings
}

/**
 * Every row tells one story: each version was made by one write, which was asked for; reads and acknowledgements agree
 * with it. A history that does not is no evidence of anything.
 */
export function findContradictions(history: History, survivors: Survivors): Finding[] {
  const findings: Finding[] = []
  const contradiction = (message: string, operation?: Operation): void => {
    findings.push({ rule: 'contradiction', message, ...(operation === undefined ? {} : { operation }) })
  }
  const asked = new Map<string, string>()
  for (const { steps } of history.operations) {
    for (const step of steps) if (step.kind === 'write') asked.set(step.id, step.key)
  }
  for (const [key, rows] of groupBy(history.survivors, (row) => row.key)) {
    const versions = rows.map(({ version }) => version).toSorted((a, b) => a - b)
    const gap = versions.findIndex((version, index) => version !== index + 1)
    if (gap !== -1) contradiction(`${key} has version ${versions[gap]} where ${gap + 1} should be`)
    const stranger = rows.find(({ id }) => asked.get(id) !== key)
    if (stranger !== undefined) contradiction(`${key} holds ${stranger.id}, which no client asked for`)
  }
  for (const operation of history.operations) {
    for (const step of operation.steps) {
      const id = step.kind === 'write' ? step.id : step.last
      if (id === undefined || step.version === undefined) continue
      if (asked.get(id) !== step.key) contradiction(`${id}, seen in ${step.key}, was not asked for there`, operation)
      const made = survivors.copies(id)
      if (made.length > 0 && !made.some(({ version }) => version === step.version)) {
        contradiction(`${id} of ${step.key} is version ${made[0]?.version} and was told as ${step.version}`, operation)
      }
    }
  }
  return findings
}
