import type { Endpoint } from '../endpoint.ts'
import type { Primary, PrimarySettings } from './primary.ts'

/** A setting that names a replica. */
export interface ReplicaSetting {
  readonly source: string
  /** The region it is about; `undefined` where it is about any. */
  readonly region: string | undefined
  /** `undefined` where the setting is wrong, which has been noted. */
  readonly endpoint: Endpoint | undefined
}

/** What replica settings are read against. */
export interface ReplicaContext extends PrimarySettings {
  readonly primary: Primary
  /** The region this process runs in. */
  readonly region: string
}
