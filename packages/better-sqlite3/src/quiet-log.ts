type Verbose = ((message?: unknown, ...more: unknown[]) => void) | null | undefined

/** The driver's `verbose`, which tells the app of its own statements, and of none that we ask. */
export class QuietLog {
  /** What the driver is given in its place. */
  readonly verbose: Verbose
  #isQuiet = false

  constructor(verbose: Verbose) {
    // What is no function is for the driver to refuse, in its own words.
    this.verbose =
      typeof verbose === 'function'
        ? (...message) => {
            if (!this.#isQuiet) verbose(...message)
          }
        : verbose
  }

  /** Runs what the app shall not hear of. */
  quietly<T>(run: () => T): T {
    this.#isQuiet = true
    try {
      return run()
    } finally {
      this.#isQuiet = false
    }
  }
}
