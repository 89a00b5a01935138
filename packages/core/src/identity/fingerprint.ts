/**
 * Tells configurations apart: two have the same fingerprint only if every value in them is the same. Text, numbers, bytes,
 * lists and plain objects are compared by what they hold, everything else (functions, agents, streams) by being the same
 * object. What is hidden from enumeration counts as well: drivers and query builders hide passwords and keys so.
 */
export class Fingerprints {
  readonly #ids: WeakMap<object, number> = new WeakMap()
  #count = 0

  of(value: unknown): string {
    return this.#write(value, [])
  }

  /** @param within the objects that the value is in: one that holds itself is compared by identity */
  #write(value: unknown, within: readonly object[]): string {
    if (typeof value === 'string') return JSON.stringify(value)
    if (typeof value === 'function') return this.#idOf(value)
    if (typeof value !== 'object' || value === null) return String(value)
    if (value instanceof Uint8Array) return `bytes:${value.join()}`
    if (within.includes(value)) return this.#idOf(value)
    const inner = [...within, value]
    if (Array.isArray(value)) return `[${value.map((one) => this.#write(one, inner)).join()}]`
    if (!isPlain(value)) return this.#idOf(value)
    const fields = Object.getOwnPropertyNames(value).sort()
    const written = fields.flatMap((name) => {
      const field: unknown = Reflect.get(value, name)
      return field === undefined ? [] : [`${JSON.stringify(name)}:${this.#write(field, inner)}`]
    })
    return `{${written.join()}}`
  }

  #idOf(value: object): string {
    let id = this.#ids.get(value)
    if (id === undefined) {
      id = ++this.#count
      this.#ids.set(value, id)
    }
    return `#${id}`
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
