import type { JournalEntry, Lab } from '@flyroute/lab'

/** What came of a request, with where it has been. */
export interface Visit {
  readonly status: number
  readonly headers: Headers
  /** The body as it came. */
  readonly text: string
  /** The same, parsed where it is JSON. */
  readonly body: unknown
  /** The way through the regions, for example `ams → ord`. */
  readonly route: string
  /** Region of the Machine that answered. */
  readonly region: string
  /** How often an ocean was crossed for it by the proxy. */
  readonly crossings: number
  /** Whether the database's primary or a replica served the handler, in the app's own words. */
  readonly member: string
  readonly milliseconds: number
}

/** A user with a browser near one region: keeps cookies, and nothing else. */
export class Client {
  readonly #lab: Lab
  readonly region: string
  readonly #cookies = new Map<string, string>()

  constructor(lab: Lab, region: string) {
    this.#lab = lab
    this.region = region
  }

  get(path: string): Promise<Visit> {
    return this.send(path)
  }

  post(path: string, body: object): Promise<Visit> {
    return this.send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  upload(path: string, bytes: number): Promise<Visit> {
    const headers = { 'content-type': 'application/octet-stream' }
    return this.send(path, { method: 'POST', headers, body: new Uint8Array(bytes) })
  }

  /** Any request; resolves when its answer is whole. */
  async send(path: string, init: RequestInit = {}): Promise<Visit> {
    const begun = performance.now()
    const response = await this.open(path, init)
    const text = await response.text()
    const milliseconds = performance.now() - begun
    const { status, headers } = response
    const regions = (await this.#hopsOf(headers.get('fly-request-id'))).map((hop) => hop.region)
    return {
      status,
      headers,
      text,
      body: parse(text),
      route: regions.join(' → '),
      region: regions.at(-1) ?? this.region,
      crossings: regions.slice(1).filter((region, index) => region !== regions[index]).length,
      member: /role=(\w+)/.exec(headers.get('flyroute-debug') ?? '')?.[1] ?? 'nobody',
      milliseconds,
    }
  }

  /** Any request; resolves when the headers of its answer are there. */
  async open(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    if (this.#cookies.size > 0)
      headers.set('cookie', [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await this.#lab.fetch(this.region, path, { redirect: 'manual', ...init, headers })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(cookie) ?? []
      this.#cookies.set(name, value)
    }
    return response
  }

  /** The journal has the request as soon as its last byte is out, which may be a moment after it came in here. */
  async #hopsOf(id: string | null): Promise<JournalEntry['hops']> {
    const { journal } = this.#lab
    for (;;) {
      const entry = journal.entries.findLast((one) => (id === null ? one.edge === this.region : one.id === id))
      if (entry !== undefined) return entry.hops
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
