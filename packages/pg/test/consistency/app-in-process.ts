import type { ReplayPolicyOptions } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import type { FlyroutePool } from '@flyroute/pg'

export interface Visit {
  readonly status: number
  /** What the handler has returned. */
  readonly value: unknown
  readonly token: string | undefined
  /** The regions that it went to, one after the other. */
  readonly way: readonly string[]
}

/** One app in several regions of this process; it answers GET with what `read` returns, and POST with what `write` does. */
export class AppInProcess {
  readonly #handlers: Map<string, (request: Request) => Promise<Response>>

  /** @param pools by region */
  constructor(
    pools: Readonly<Record<string, FlyroutePool>>,
    work: { read(pool: FlyroutePool): Promise<unknown>; write(pool: FlyroutePool): Promise<unknown> },
    options: Partial<ReplayPolicyOptions> = {},
  ) {
    const handlers = Object.entries(pools).map(([region, pool]) => {
      const handle = async ({ method }: Request): Promise<Response> =>
        Response.json((await (method === 'GET' ? work.read(pool) : work.write(pool))) ?? null)
      return [region, replayable(handle, { ...options, databases: [pool] })] as const
    })
    this.#handlers = new Map(handlers)
  }

  /** Sends a request to a region, and follows where its answer leads. */
  async send(region: string, { method = 'GET', token = '' }: { method?: string; token?: string } = {}): Promise<Visit> {
    const way: string[] = []
    let source: Record<string, string> = {}
    for (let target = region; ; ) {
      way.push(target)
      const request = new Request('http://app.test/', {
        method,
        headers: { ...source, ...(token === '' ? {} : { 'flyroute-token': token }) },
      })
      const response = await this.#handlers.get(target)?.(request)
      if (response === undefined || way.length > 3) throw new Error(`Nobody answers: ${way.join(' → ')}`)
      const replay = response.headers.get('fly-replay')
      if (replay === null) {
        const value = response.ok ? await response.json() : undefined
        return { status: response.status, value, token: response.headers.get('flyroute-token') ?? undefined, way }
      }
      target = /(?:^|;)region=(\w+)/.exec(replay)?.[1] ?? ''
      source = { 'fly-replay-src': `region=${region};state=${/(?:^|;)state=([^;]+)/.exec(replay)?.[1]}` }
    }
  }
}
