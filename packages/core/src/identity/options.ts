/**
 * A copy of a driver's options with all that the driver would find in them: what is hidden from enumeration, as query
 * builders hide passwords, and what is inherited.
 */
export function copyOptions<Options extends object>(given: Options | undefined): Options {
  const copy: Record<string, unknown> = {}
  for (let from: object | null = given ?? null; from !== null && from !== Object.prototype; ) {
    for (const name of Object.getOwnPropertyNames(from)) {
      const value: unknown = Reflect.get(given as object, name)
      // Methods of a class of options are none.
      const isMethod = from !== given && typeof value === 'function'
      if (!isMethod && !Object.hasOwn(copy, name)) copy[name] = value
    }
    from = Object.getPrototypeOf(from) as object | null
  }
  return copy as Options
}
