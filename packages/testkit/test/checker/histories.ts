import type { History, Operation, Step, SurvivingWrite } from '@flyroute/testkit/checker'

/** A request by hand: `who` from `begun` to `ended` did `steps`. */
export function request(who: string, begun: number, ended: number, ...steps: Step[]): Operation {
  return { user: who, region: 'ams', name: 'by-hand', begun, ended, outcome: 'acknowledged', status: 200, steps }
}

export function write(key: string, id: string, version?: number): Step {
  return { kind: 'write', key, id, version }
}

/** A read of a register. */
export function read(key: string, version: number, last?: string): Step {
  return { kind: 'read', key, version, last }
}

/** A read of a list. */
export function readList(key: string, ...items: string[]): Step {
  return { kind: 'read', key, version: items.length, last: items.at(-1), items }
}

/** The history, with a final state in which each key holds these ids, in this order. */
export function history(operations: readonly Operation[], rows: Readonly<Record<string, readonly string[]>>): History {
  const survivors = Object.entries(rows).flatMap(([key, ids]) =>
    ids.map((id, index): SurvivingWrite => ({ key, id, version: index + 1 })),
  )
  return { operations, survivors }
}
