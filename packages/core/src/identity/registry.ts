/**
 * What is shared by those who say the same, by their fingerprint. It keeps nothing alive: what is used no more is forgotten,
 * however many there were.
 */
export class Registry<Shared extends object> {
  readonly #known: Map<string, WeakRef<Shared>> = new Map()
  readonly #collected: FinalizationRegistry<string> = new FinalizationRegistry((key) => {
    if (this.#known.get(key)?.deref() === undefined) this.#known.delete(key)
  })

  /** How many are remembered. */
  get size(): number {
    return this.#known.size
  }

  /** The one that is known by this key, or else the one that is made now. */
  get(key: string, make: () => Shared): Shared {
    const known = this.#known.get(key)?.deref()
    if (known !== undefined) return known
    const made = make()
    this.#known.set(key, new WeakRef(made))
    this.#collected.register(made, key)
    return made
  }

  /** Nothing is shared under this key any more: the next one is made anew. */
  forget(key: string, shared: Shared): void {
    if (this.#known.get(key)?.deref() === shared) this.#known.delete(key)
  }
}
