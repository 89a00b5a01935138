type DefineTest = (title: string, run: () => Promise<void>) => void

/**
 * Tests that wait nearly all of their time, and share nothing: all begin with the first of them. What they open they end by
 * themselves.
 */
export class Together {
  readonly #defineTest: DefineTest
  readonly #around: (run: () => Promise<void>) => Promise<void>
  readonly #runs = new Map<string, () => Promise<void>>()
  #begun: Map<string, Promise<void>> | undefined

  /**
   * @param defineTest jest's `test`, or what comes to it
   * @param around what each is run in
   */
  constructor(defineTest: DefineTest, around: (run: () => Promise<void>) => Promise<void> = (run) => run()) {
    this.#defineTest = defineTest
    this.#around = around
  }

  test(title: string, run: () => Promise<void>): void {
    this.#runs.set(title, run)
    this.#defineTest(title, () => {
      this.#begun ??= new Map([...this.#runs].map(([name, begin]) => [name, started(() => this.#around(begin))]))
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
