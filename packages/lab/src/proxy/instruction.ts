/** What an answer with `fly-replay` asks for. */
export interface Instruction {
  /** Region codes and aliases in order of preference; empty: not given. */
  readonly regions: readonly string[]
  readonly instance?: string
  readonly preferInstance?: string
  readonly app?: string
  readonly state?: string
  readonly elsewhere: boolean
  readonly timeoutMs?: number
  readonly fallback?: Fallback
  readonly transform?: Transform
  readonly cache?: CacheEntry | 'invalidate'
}

/** `force_self`: to the exact Machine that issued the replay; `prefer_self`: to it, or to any Machine of its app. */
export type Fallback = 'force_self' | 'prefer_self'

export interface Transform {
  readonly path?: string
  readonly deleteHeaders: readonly string[]
  readonly setHeaders: readonly { readonly name: string; readonly value: string }[]
}

export interface CacheEntry {
  readonly prefix: string
  readonly ttlSeconds: number
  readonly allowBypass: boolean
}
