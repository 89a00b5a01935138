type DefineTest = (title: string, run: () => Promise<void>) => void

/**
 * Tests that wait nearly all of their time, and share nothing: all begin with the first of them. What they open they end by
 * themselves.
 */
export class Together {
  readonly #defineTest: DefineTest
  readonly #runs = new Map<string, () => Promise<void>>()
  #begun: Map<string, Promise<void>> | undefined

  /** @param defineTest jest's `test`, or what comes to it */
  constructor(defineTest: DefineTest) {
    this.#defineTest = defineTest
  }

  test(title: string, run: () => Promise<void>): void {
    this.#runs.set(title, run)
    this.#defineTest(title, () => {
      this.#begun ??= new Map([...this.#runs].map(([name, begin]) => [name, started(begin)]))
      return this.#begun.get(title) as Promise<void>
    })
  }
}

/** A failure counts once its own test asks. */
function started(begin: () => Promise<void>): Promise<void> {
  const run = begin()
  run.catch(() => undefined)
  return run
}
