import type fc from 'fast-check'
import type { Connecting, Fate, Fates, Program, Step } from './program.ts'
import type { Run, Sent } from './text.ts'

/** Where a request runs. */
export type Region = 'ams' | 'iad'

/** A write that is in a database for good. */
export interface Committed {
  readonly run: Run
  readonly id: string
}

/** What the network sees of a connection. */
export interface Link {
  readonly name: string
  readonly region: Region
  /** A transaction is open on the server. */
  readonly isOpen: boolean
}

/**
 * Everything between the app and its servers, and what is known of it: a model that lets a search choose the order of all
 * that arrives and is answered. (The tests against real servers stand beside it: it is no replacement for them.)
 */
export class Network {
  readonly journal: string[] = []
  readonly committed: Committed[] = []
  readonly links: Set<Link> = new Set()
  /** What was sent of a request behind the answer that had it replayed. */
  readonly sentLate: string[] = []
  /** In which region a connection to the primary was lost or refused. */
  readonly primaryTrouble: Set<Region> = new Set()
  /** The client has the answer that has the first run replayed. */
  isReplayed = false
  /** How often everything has waited for a limit to pass. */
  stalls = 0
  readonly #last: { readonly what: string; happens(): void; isOff(): boolean }[] = []
  readonly #scheduler: fc.Scheduler
  readonly #fates: ReadonlyMap<string, Fates>
  readonly #struck: Set<string> = new Set()
  readonly #connecting: readonly Connecting[]
  #connections = 0

  constructor(scheduler: fc.Scheduler, program: Program) {
    this.#scheduler = scheduler
    this.#connecting = program.connecting
    this.#fates = fatesOf(program.steps)
  }

  /** Something that happens at a time that the search chooses. */
  later(what: string, happens: () => void): void {
    void this.#scheduler.schedule(Promise.resolve(), what).then(() => {
      this.journal.push(what)
      happens()
    })
  }

  /** Something that happens when nothing else is left to happen, unless `isOff` by then. */
  atLast(what: string, happens: () => void, isOff: () => boolean): void {
    this.#last.push({ what, happens, isOff })
  }

  /** What happens when nothing else is left. @returns whether there is anything */
  happensAtLast(): boolean {
    for (let next = this.#last.shift(); next !== undefined; next = this.#last.shift()) {
      if (next.isOff()) continue
      this.stalls++
      this.later(next.what, next.happens)
      return true
    }
    return false
  }

  nextConnecting(): Connecting {
    return this.#connecting[this.#connections++] ?? 'at-once'
  }

  /** What befalls a statement that has reached a server. */
  fateOf({ run, id, what }: Sent, role: keyof Fates): Fate {
    if (what === 'begin' || what === 'rollback' || what === 'set') return 'runs'
    const fate = this.#fates.get(id)?.[role] ?? 'runs'
    const key = `${run}.${id}.${role}`
    if (fate === 'runs' || this.#struck.has(key)) return 'runs'
    this.#struck.add(key)
    return fate
  }

  /** A statement leaves the app. */
  leaves({ run, id, what }: Sent, link: string): void {
    this.journal.push(`${run}.${id} ${what} is sent to ${link}`)
    // What a connection of a replayed request may still do is roll back.
    if (run === 1 && this.isReplayed && what !== 'rollback') this.sentLate.push(`${id} ${what} to ${link}`)
  }
}

function fatesOf(steps: readonly Step[]): Map<string, Fates> {
  const fates = new Map<string, Fates>()
  const add = (step: Step): void => {
    if (step.kind === 'branches') for (const branch of step.branches) branch.forEach(add)
    else if (step.kind === 'query') fates.set(step.id, step.fates)
    else {
      // By its own name the session's COMMIT.
      fates.set(step.id, { primary: step.fate, replica: 'runs' })
      for (const statement of step.statements) fates.set(statement.id, statement.fates)
    }
  }
  steps.forEach(add)
  return fates
}
