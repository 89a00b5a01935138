import { ConfigurationError, type ConfigurationProblem } from '../errors.ts'

/** Collects what is wrong with a configuration, so that all of it can be told at once. */
export class ConfigurationProblems {
  readonly #found: ConfigurationProblem[] = []

  add(setting: string, message: string, remedy: string): void {
    this.#found.push({ setting, message, remedy })
  }

  /** @throws ConfigurationError with every problem. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new ConfigurationError(this.#found)
  }
}
