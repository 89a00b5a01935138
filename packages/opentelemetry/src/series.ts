import type { Attributes } from '@opentelemetry/api'

/** What the attributes of a series are that stands for all those for which there was no room. */
const other = 'other'

/** One series: its attributes, and what is kept for it. */
export interface Entry<Value> {
  readonly attributes: Attributes
  value: Value
}

type Branch<Value> = Map<string | undefined, Branch<Value> | Entry<Value>>

/**
 * The series of one instrument: a bounded number of them, and one more for everything that comes later. What is counted may be named by
 * a Machine of another app, or by a client; no number of names makes a metrics server fall over.
 *
 * They are found value by value: a key made of all values would cost more than everything else that is done with a statement.
 */
export class Series<Value> {
  readonly #names: readonly string[]
  readonly #most: number
  readonly #initial: Value
  readonly #root: Branch<Value> = new Map()
  readonly #entries: Entry<Value>[] = []
  #rest: Entry<Value> | undefined

  /**
   * @param names of the attributes, one at least, three at most
   * @param most how many series, but for the one of the rest
   */
  constructor(names: readonly string[], most: number, initial: Value) {
    this.#names = names
    this.#most = most
    this.#initial = initial
  }

  /** @param values in the order of the names; undefined leaves an attribute out */
  at(first?: string, second?: string, third?: string): Entry<Value> {
    const depth = this.#names.length
    let found = this.#root.get(first)
    if (depth > 1) found = (found as Branch<Value> | undefined)?.get(second)
    if (depth > 2) found = (found as Branch<Value> | undefined)?.get(third)
    return (found as Entry<Value> | undefined) ?? this.#add([first, second, third].slice(0, depth))
  }

  #add(values: readonly (string | undefined)[]): Entry<Value> {
    if (this.#entries.length >= this.#most) {
      this.#rest ??= this.#made(values.map(() => other))
      return this.#rest
    }
    const entry = this.#made(values)
    this.#entries.push(entry)
    let branch = this.#root
    for (const value of values.slice(0, -1)) {
      const next = (branch.get(value) as Branch<Value> | undefined) ?? new Map()
      branch.set(value, next)
      branch = next
    }
    branch.set(values.at(-1), entry)
    return entry
  }

  #made(values: readonly (string | undefined)[]): Entry<Value> {
    const pairs = values.map((value, index) => [this.#names[index] as string, value] as const)
    return {
      attributes: Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as Attributes,
      value: this.#initial,
    }
  }

  *[Symbol.iterator](): Iterator<Entry<Value>> {
    yield* this.#entries
    if (this.#rest !== undefined) yield this.#rest
  }
}
