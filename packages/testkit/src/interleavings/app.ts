import { runOnPrimary } from '@flyroute/core'
import type { Program, QueryStep, SessionStep, Statement, Step } from './program.ts'
import type { InterleavingsClient, InterleavingsPool } from './subject.ts'
import { type Run, textOf } from './text.ts'

/** What an app was told of one thing that it asked for: of a statement, or of a check-out. */
export interface Told {
  readonly id: string
  readonly what: string
  /** Asked for when its client had the answer that had the request replayed. */
  readonly isLate: boolean
  /** Told when its client had that answer. */
  isToldLate: boolean
  outcome: 'nothing' | 'done' | Error
}

/** The app: a program run in one region, and all that it was told. */
export class App {
  readonly told: Told[] = []
  /** Of writes that the app holds for done. */
  readonly acknowledged: string[] = []
  readonly #program: Program
  readonly #pools: readonly InterleavingsPool[]
  readonly #run: Run
  readonly #isReplayed: () => boolean

  constructor(program: Program, pools: readonly InterleavingsPool[], run: Run, isReplayed: () => boolean) {
    this.#program = program
    this.#pools = pools
    this.#run = run
    this.#isReplayed = isReplayed
  }

  /** What comes before the answer. */
  async beforeAnswer(): Promise<void> {
    const { steps, answersAfter } = this.#program
    for (const step of steps.slice(0, answersAfter)) await this.#perform(step)
  }

  /** What goes on behind it. Its errors are the app's own to catch, as far as there may be any. */
  async behindAnswer(): Promise<void> {
    const { steps, answersAfter } = this.#program
    for (const step of steps.slice(answersAfter)) await this.#perform(step).catch(() => undefined)
  }

  async #perform(step: Step): Promise<void> {
    if (step.kind === 'query') return this.#swallowing(step, () => this.#query(step))
    if (step.kind === 'session') return this.#swallowing(step, () => this.#session(step))
    const branches = step.branches.map(async (branch) => {
      for (const one of branch) await this.#perform(one)
    })
    if (step.waits === 'all') await Promise.all(branches)
    const settled = Promise.allSettled(branches)
    if (step.waits === 'settled') await settled
  }

  async #swallowing({ swallows }: { readonly swallows: boolean }, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!swallows) throw error
    }
  }

  async #query(step: QueryStep): Promise<void> {
    const pool = this.#pools[step.database] as InterleavingsPool
    const ask = (): Promise<unknown> => pool.query(textOf(step.what, this.#run, step.id))
    await this.#ask(step.id, step.what, () => (step.onPrimary ? runOnPrimary(ask) : ask()))
    if (step.what !== 'read') this.acknowledged.push(step.id)
  }

  async #session(step: SessionStep): Promise<void> {
    const use = (): Promise<void> => this.#checkOut(step)
    await (step.onPrimary ? runOnPrimary(use) : use())
  }

  async #checkOut(step: SessionStep): Promise<void> {
    const pool = this.#pools[step.database] as InterleavingsPool
    const client = await this.#ask(step.id, 'connect', () => pool.connect())
    const isTransaction = step.ends !== undefined
    const say = (what: 'begin' | 'set' | 'commit' | 'rollback'): Promise<{ command?: string }> =>
      this.#ask(step.id, what, () => client.query(textOf(what, this.#run, step.id)))
    let lost: Error | undefined
    try {
      if (step.sets) await say('set')
      if (isTransaction) await say('begin')
      const written: string[] = []
      let done = 0
      for (const statement of step.statements) {
        await this.#swallowing(statement, async () => {
          await this.#state(client, statement)
          done++
          if (statement.what !== 'read') written.push(statement.id)
        })
      }
      if (!isTransaction) this.acknowledged.push(...written)
      else if (step.ends === 'rollback') await say('rollback')
      else {
        const { command } = await say('commit')
        // A driver that does not tell the two apart leaves an app with what its statements were told.
        const isDone = command === undefined ? done === step.statements.length : command === 'COMMIT'
        if (isDone) this.acknowledged.push(...written)
      }
    } catch (error) {
      // As everybody writes it: whatever it was, it is rolled back, and a connection that cannot even do that is dropped.
      if (isTransaction) {
        await say('rollback').catch((failure: Error) => {
          lost = failure
        })
      }
      throw error
    } finally {
      client.release(lost)
    }
  }

  async #state(client: InterleavingsClient, { id, what }: Statement): Promise<void> {
    await this.#ask(id, what, () => client.query(textOf(what, this.#run, id)))
  }

  async #ask<T>(id: string, what: string, ask: () => Promise<T>): Promise<T> {
    const told: Told = { id, what, isLate: this.#isReplayed(), isToldLate: false, outcome: 'nothing' }
    this.told.push(told)
    try {
      const value = await ask()
      told.outcome = 'done'
      return value
    } catch (error) {
      told.outcome = error as Error
      throw error
    } finally {
      told.isToldLate = this.#isReplayed()
    }
  }
}
