/** What `util.inspect` calls; by its registered name, since core imports nothing. */
const inspectCustom = Symbol.for('nodejs.util.inspect.custom')

/** Fields of drivers' options, and of their TLS options, that hold a secret, or a URL with one in it. */
const secretFields: ReadonlySet<string> = new Set([
  'connectionString',
  'uri',
  'password',
  'password1',
  'password2',
  'password3',
  'passwordSha1',
  // of TLS
  'key',
  'pfx',
  'passphrase',
  // no secret, but a circle, which JSON cannot carry
  'pool',
])

/**
 * Keeps secrets out of what is printed (`console.log`, `util.inspect`, `JSON.stringify`) of a driver's options or TLS options. The fields
 * stay what they are: the driver reads them, and so does code that copies the options to connect once more with them, as
 * Kysely does to cancel a query.
 */
export function hideSecrets(options: object): void {
  Object.defineProperty(options, inspectCustom, { value: print, configurable: true })
  Object.defineProperty(options, 'toJSON', { value: print, configurable: true })
}

// One function for all: drivers copy options with all that is defined on them, and a copy prints itself and is the same.
function print(this: object): object {
  return Object.fromEntries(Object.entries(this).filter(([name]) => !secretFields.has(name)))
}

/** TLS options as a copy that prints without the key; anything else as it is. */
export function quietTls(ssl: unknown): unknown {
  if (typeof ssl !== 'object' || ssl === null) return ssl
  const copy = copyOptions(ssl)
  hideSecrets(copy)
  return copy
}

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
