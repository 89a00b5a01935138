/** Collects what is wrong with the arguments of one call, so that all of it can be told at once. */
export class Problems {
  readonly #found: string[] = []

  /** Notes a problem unless the condition holds; says whether it holds. */
  require(condition: boolean, problem: string): boolean {
    if (!condition) this.#found.push(problem)
    return condition
  }

  /** @throws TypeError naming every problem, and no value: a `state` may be a secret. */
  throwIfAny(caller: string): void {
    if (this.#found.length > 0) throw new TypeError(`${caller}: ${this.#found.join('; ')}`)
  }
}

/** A Machine's id or an app's name: what Fly hands out, and nothing that could end a field. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(value)
}

/**
 * An opaque value as a field can carry it unquoted: printable ASCII without the characters that end a field, open a
 * quote or make a list, and without spaces at its ends, which parsers trim.
 */
export function isFieldValue(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]([ -~]*[!-~])?$/.test(value) && !/[;,"'`\\]/.test(value)
}

/** An HTTP header's name (RFC 9110, token). */
export function isHeaderName(value: unknown): value is string {
  return typeof value === 'string' && /^[!#$%&'*+.^_`|~\w-]+$/.test(value)
}

/** An HTTP header's value in ASCII, without line breaks and without white space at its ends. May be empty. */
export function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && /^([!-~]([\t -~]*[!-~])?)?$/.test(value)
}

/** An object with named fields: not `null`, not an array. */
export function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
