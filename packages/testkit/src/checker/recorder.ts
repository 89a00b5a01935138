import type { History, Operation, Step, SurvivingWrite } from './history.ts'
import type { PlannedRequest } from './workload.ts'

/** What came of a request, as its client sees it. */
export interface Answered {
  /** Undefined where no answer came. */
  readonly status?: number | undefined
  /** What the app says it has done, of a 2xx answer. */
  readonly steps?: readonly Step[]
  readonly note?: string | undefined
}

/** Writes down every request. */
export class Recorder {
  readonly operations: Operation[] = []
  readonly #clock: () => number

  /** @param clock milliseconds of a clock that never goes back */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  /** Sends one request, with `send`, and records it. `send` does not reject. */
  async record(user: string, planned: PlannedRequest, send: () => Promise<Answered>): Promise<Operation> {
    const begun = this.#clock()
    const { status, steps, note } = await send()
    const ended = this.#clock()
    const isAcknowledged = status !== undefined && status >= 200 && status < 300 && steps !== undefined
    const asked = planned.ids.map((id, n): Step => ({ kind: 'write', key: planned.keys?.[n] ?? planned.key, id }))
    const operation: Operation = {
      user,
      region: planned.region,
      name: planned.name,
      begun,
      ended,
      outcome: isAcknowledged ? 'acknowledged' : 'failed',
      status,
      steps: isAcknowledged ? steps : asked,
      late: planned.name === 'write-late',
      note,
    }
    this.operations.push(operation)
    return operation
  }

  history(survivors: readonly SurvivingWrite[]): History {
    return { operations: this.operations, survivors }
  }
}
