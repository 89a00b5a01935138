import { type FlyrouteDatabase, openDatabase } from '@flyroute/better-sqlite3'
import type { ReplayPolicyOptions } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import type { LitefsCluster } from '@flyroute/testkit/litefs'

export interface Answer {
  readonly status: number
  readonly value: unknown
  readonly token: string | undefined
  /** The machines it went to, one after the other. */
  readonly way: readonly string[]
  /** What the handler threw, if that came out. */
  readonly error: unknown
}

export interface SendOptions {
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Record<string, string>
}

/** One app on several machines, each with its mount, and of Fly Proxy the one rule that it follows a replay. */
export class App implements Disposable {
  readonly #databases: Record<string, FlyrouteDatabase>
  readonly #options: Partial<ReplayPolicyOptions>

  constructor(cluster: LitefsCluster, names: readonly string[], options: Partial<ReplayPolicyOptions> = {}) {
    this.#options = options
    this.#databases = Object.fromEntries(names.map((name) => [name, openOn(cluster, name)]))
  }

  on(machine: string): FlyrouteDatabase {
    return this.#databases[machine] as FlyrouteDatabase
  }

  async send(
    machine: string,
    work: (db: FlyrouteDatabase) => unknown,
    { method = 'GET', token, headers = {} }: SendOptions = {},
  ): Promise<Answer> {
    const way: string[] = []
    const extra = new Headers(headers)
    if (token !== undefined) extra.set('flyroute-token', token)
    let error: unknown
    for (let target = machine; ; ) {
      if (way.push(target) > 3) throw new Error(`A replay that goes in circles: ${way.join(' → ')}`)
      const db = this.on(target)
      const handler = replayable(
        async (_: Request) => {
          try {
            return Response.json((await work(db)) ?? null)
          } catch (thrown) {
            error = thrown
            throw thrown
          }
        },
        { ...this.#options, databases: [db] },
      )
      const request = new Request('http://app.test/', { method, headers: extra })
      const response = await Promise.resolve(handler(request)).catch(() => undefined)
      // What a test expects of its work is not the framework's to answer.
      if (error instanceof Error && 'matcherResult' in error) throw error
      const replay = response?.headers.get('fly-replay')
      if (replay == null) {
        return {
          status: response?.status ?? 500,
          value: response?.ok ? await response.json() : undefined,
          token: response?.headers.get('flyroute-token') ?? undefined,
          way,
          error,
        }
      }
      const region = /(?:^|;)region=(\w+)/.exec(replay)?.[1]
      target = /(?:^|;)instance=([\w-]+)/.exec(replay)?.[1] ?? region ?? ''
      const state = /(?:^|;)state=([^;]+)/.exec(replay)?.[1] ?? ''
      extra.set('fly-replay-src', `instance=${way.at(-1)};region=${way.at(-1)};t=1;state=${state}`)
    }
  }

  [Symbol.dispose](): void {
    for (const db of Object.values(this.#databases)) if (db.open) db.close()
  }
}

/** Opens the database as a machine in that region does. */
export function openOn(cluster: LitefsCluster, region: string, options: object = {}): FlyrouteDatabase {
  const node = cluster.node(region)
  const env = { FLY_REGION: region, PRIMARY_REGION: 'ord', LITEFS_DIR: node.dir, DATABASE_FILENAME: 'app.db' }
  return openDatabase(undefined, { env, replayCostMs: 500, candidate: true, ...options })
}
