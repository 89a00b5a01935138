import { type Driver, isSubmittable, type QueryArgument, type QueryConfig, type Submittable } from './driver-types.ts'

/** The arguments of `query`. */
export interface QueryArguments {
  readonly config: QueryArgument
  readonly values: unknown
  readonly callback: unknown
}

/** The values that are bound to a statement, in whichever of their places; those beside a config win over its own. */
export function valuesOf(config: QueryArgument, values: unknown): unknown {
  if (typeof config === 'string') return typeof values === 'function' ? undefined : values
  if (isSubmittable(config)) return config.values ?? config.cursor?.values
  return values && typeof values !== 'function' ? values : config.values
}

/**
 * The same arguments as they are now: the driver reads them when it sends a statement, and what is sent later than it would have
 * been, or once more, is not to change with the app's objects.
 */
export function fix({ config, values, callback }: QueryArguments, driver: Driver): QueryArguments {
  const bound = valuesOf(config, values)
  const fixed = Array.isArray(bound) ? fixedValues(bound, driver) : bound
  if (isSubmittable(config)) {
    const query: Submittable = config.cursor ?? config
    if (fixed !== bound) query.values = fixed
    return { config, values, callback }
  }
  const asked = callback || (typeof values === 'function' ? values : undefined)
  return { config: typeof config === 'string' ? config : copyOf(config), values: fixed, callback: asked }
}

/** Not by spreading: the driver, too, keeps what a config inherits. */
function copyOf(config: QueryConfig): QueryConfig {
  return Object.create(
    Object.getPrototypeOf(config) as object | null,
    Object.getOwnPropertyDescriptors(config),
  ) as QueryConfig
}

/** In the form that the driver would send: what an object gives for itself (`toPostgres`) is asked for once. */
function fixedValues(values: readonly unknown[], driver: Driver): unknown[] {
  const { utils } = driver as Driver & DriverWithUtils
  return values.map((value) => {
    if (typeof value !== 'object' || value === null) return value
    try {
      const sent = utils === undefined ? value : utils.prepareValue(value)
      return Buffer.isBuffer(sent) ? Buffer.from(sent) : sent
    } catch {
      // The driver says so by itself.
      return value
    }
  })
}

/** Its own types do not tell of it; early versions have none. */
interface DriverWithUtils {
  readonly utils?: { prepareValue(value: unknown): unknown }
}
