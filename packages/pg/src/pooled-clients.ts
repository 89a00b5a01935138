import { type ClientEntry, type ClientPurpose, guardClient, isGuarded } from './client.ts'
import { clientConfig } from './database.ts'
import type { ClientClass, Driver } from './driver-types.ts'

/** Where a pool's options say what its clients are for: a copy of them, with which a subclass calls its base, says it as well. */
const purposeKey: unique symbol = Symbol('flyroute.purpose')

/** The options by which a pool makes its clients. */
export interface PooledClients {
  readonly Client: ClientClass
  readonly [purposeKey]: ClientPurpose
}

/**
 * The clients of a pool: of the driver's class or of one of the app's own, guarded, unless it is below a class of ours and
 * so has a guard.
 */
export function pooledClients(driver: Driver, own: ClientClass | undefined, purpose: ClientPurpose): PooledClients {
  const Base = own ?? (driver.Client as unknown as ClientClass)
  const Client = isGuarded(Base) ? Base : guardClient(Base, (options) => entryOf(options) ?? { ...purpose, config: {} })
  return { Client, [purposeKey]: purpose }
}

/** What a client of a pool of ours is made for; undefined for one that is of none. */
export function entryOf(options: unknown): ClientEntry | undefined {
  const purpose = (options as Partial<PooledClients> | null | undefined)?.[purposeKey]
  if (purpose === undefined) return undefined
  const { database, side } = purpose
  return { ...purpose, config: side === 'local' ? clientConfig(database, options) : (options as object) }
}
