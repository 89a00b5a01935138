import type { Scope } from '@flyroute/core/adapter'
import type { Guarded } from './guarded.ts'
import { patienceFor, Wait } from './watchdog.ts'

/** An answer of the server, or an error as soon as it is clear that there will be none: then its connection is not used until it comes. */
export class Answer<T> extends Wait<T> {
  override readonly patience: number
  readonly #connection: Guarded
  readonly #answer: Promise<T>

  constructor(connection: Guarded, answer: Promise<T>, scope: Scope | undefined) {
    super(connection.watchdog)
    this.patience = patienceFor(scope?.request.kind === 'request')
    this.#connection = connection
    this.#answer = answer
    connection.isBusy = true
    answer.then(
      (value) => {
        connection.isBusy = false
        this.over()?.(this.succeeds(value))
      },
      (error: unknown) => {
        connection.isBusy = false
        this.over()?.(this.fails(error))
      },
    )
  }

  cut(error: Error): void {
    const resolve = this.over()
    if (resolve === undefined) return
    this.#connection.abandons(this.#answer)
    resolve(this.fails(error))
  }

  protected succeeds(value: T): T | Promise<T> {
    return value
  }

  protected fails(error: unknown): Promise<T> {
    return Promise.reject(error)
  }
}
