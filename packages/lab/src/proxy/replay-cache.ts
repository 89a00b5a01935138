import type { CacheEntry, Instruction } from './instruction.ts'

interface Cached {
  readonly host: string
  readonly path: string
  readonly expiresAt: number
  readonly allowBypass: boolean
  readonly app: string
  readonly instruction: Instruction
}

/** "Replay caching allows Fly Proxy to remember and reuse replay decisions". One edge's memory, for paths. */
export class ReplayCache {
  #entries: Cached[] = []

  /**
   * Remembers a replay for the requests that its pattern covers.
   * @returns false where the pattern does not match the request: "The pattern must also match the current request."
   */
  store(entry: CacheEntry, app: string, instruction: Instruction, host: string, path: string): boolean {
    // "The cached replay is unique to the request domain. The domain may also be set explicitly"
    const slash = entry.prefix.indexOf('/')
    const cached = {
      host: entry.prefix.slice(0, slash) || hostname(host),
      path: entry.prefix.slice(slash).replace(/\/?\*$/, ''),
      expiresAt: Date.now() + entry.ttlSeconds * 1_000,
      allowBypass: entry.allowBypass,
      app,
      instruction,
    }
    if (!matches(cached, host, path)) return false
    this.#entries = [cached, ...this.#entries.filter((old) => old.host !== cached.host || old.path !== cached.path)]
    return true
  }

  find(host: string, path: string): Cached | undefined {
    this.#entries = this.#entries.filter((entry) => entry.expiresAt > Date.now())
    const found = this.#entries.filter((entry) => matches(entry, host, path))
    return found.toSorted((a, b) => b.path.length - a.path.length)[0]
  }

  /** "`cache.invalidate`: Invalidate the cache for the current route" */
  invalidate(host: string, path: string): void {
    this.#entries = this.#entries.filter((entry) => !matches(entry, host, path))
  }
}

/** "a path-matching pattern, and implicitly ends with a wildcard" */
function matches(entry: Cached, host: string, url: string): boolean {
  const path = url.split('?', 1)[0] ?? ''
  return entry.host === hostname(host) && (path === entry.path || path.startsWith(`${entry.path}/`))
}

/** "The domain part should not include ports" */
function hostname(host: string): string {
  return host.replace(/:\d+$/, '')
}
