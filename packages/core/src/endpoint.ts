import { inspect } from 'node:util'

/** The database that an endpoint leads to, as far as rules depend on it. */
export type Dialect = 'postgres' | 'mysql'

/** How to reach a server, in pieces: what drivers take beside a URL. */
export interface Connection {
  /** A host name, an address, or the folder of a Unix socket. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly database?: string | undefined
}

/**
 * One way to reach the database. `url` and `password` are there for the driver; no enumeration, `JSON.stringify`,
 * `util.inspect`, spread or `structuredClone` shows them.
 */
export interface Endpoint extends Omit<Connection, 'password'> {
  /** The connection URL as it was configured; `undefined` where the driver is configured in pieces, or not at all. Not enumerable. */
  readonly url: string | undefined
  /** Not enumerable. */
  readonly password: string | undefined
  /** The region the server is in, where the settings say so. */
  readonly region?: string | undefined
  /** The setting it came from: `DATABASE_URL_AMS`, `replicas.ams`, `PGHOST`… */
  readonly source: string
  toJSON(): EndpointJson
}

/** An endpoint without its secrets. */
export interface EndpointJson extends Omit<Connection, 'password'> {
  readonly region?: string | undefined
  readonly source: string
}

export interface EndpointFields extends Connection {
  readonly url?: string | undefined
  readonly region?: string | undefined
  readonly source: string
}

class ConfiguredEndpoint implements Endpoint {
  declare readonly host?: string
  declare readonly port?: number
  declare readonly database?: string
  declare readonly user?: string
  declare readonly region?: string
  declare readonly source: string
  readonly #url: string | undefined
  readonly #password: string | undefined

  constructor({ url, password, ...open }: EndpointFields) {
    for (const key of ['source', 'host', 'port', 'database', 'user', 'region'] as const) {
      if (open[key] !== undefined) Object.assign(this, { [key]: open[key] })
    }
    this.#url = url
    this.#password = password
    Object.freeze(this)
  }

  get url(): string | undefined {
    return this.#url
  }

  get password(): string | undefined {
    return this.#password
  }

  toJSON(): EndpointJson {
    return Object.fromEntries(Object.entries(this)) as unknown as EndpointJson
  }

  [inspect.custom](): object {
    return this.toJSON()
  }
}

/** An endpoint from its fields, frozen. */
export function createEndpoint(fields: EndpointFields): Endpoint {
  return new ConfiguredEndpoint(fields)
}
