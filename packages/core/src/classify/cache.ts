/**
 * A bounded map in two generations: what was not used while a whole generation filled up is dropped. A hit in the young
 * one is a single look-up, with none of the bookkeeping of an LRU list.
 */
export class GenerationalCache<Value> {
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()
  readonly #generation: number

  /** @param size Entries kept at most. */
  constructor(size: number) {
    this.#generation = Math.max(1, Math.floor(size / 2))
  }

  /** What is kept under `key`; it is young again from now on. */
  get(key: string): Value | undefined {
    const hit = this.#young.get(key)
    if (hit !== undefined) return hit
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#generation && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }
}
