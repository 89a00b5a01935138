import { type Connection, createEndpoint, type Dialect, type Endpoint } from '../endpoint.ts'
import { changeUrl, connectionOf, parseConnectionUrl } from '../endpoint-url.ts'
import type { PieceVariables, Variable } from '../env.ts'
import type { ConfigurationProblems } from './problems.ts'

/** Where an endpoint's settings were found, and which region they are about. */
export interface Origin {
  /** The variable or option, as messages name it. */
  readonly source: string
  readonly region?: string | undefined
}

/** An endpoint from a URL; `undefined`, with the problem noted, where the URL does not serve. */
export function fromUrl(
  text: string,
  origin: Origin,
  dialect: Dialect | undefined,
  problems: ConfigurationProblems,
): Endpoint | undefined {
  const url = parseConnectionUrl(text.trim())
  if (typeof url === 'string') {
    problems.add(origin.source, url, 'set it to scheme://user:password@host:port/database')
    return undefined
  }
  if (dialect !== undefined && url.dialect !== dialect) {
    problems.add(
      origin.source,
      `names a ${url.dialect} server where a ${dialect} server is needed`,
      'name a server of the same kind',
    )
    return undefined
  }
  return createEndpoint({ ...connectionOf(url), url: text.trim(), ...origin })
}

/** The same server with some pieces changed: in the URL, where there is one, so that the rest of it stays. */
export function changed(endpoint: Endpoint, changes: Connection, origin: Origin): Endpoint {
  const url = endpoint.url === undefined ? undefined : parseConnectionUrl(endpoint.url)
  if (url !== undefined && typeof url !== 'string') {
    const text = changeUrl(url, changes)
    const changedUrl = parseConnectionUrl(text)
    if (typeof changedUrl !== 'string') return createEndpoint({ ...connectionOf(changedUrl), url: text, ...origin })
  }
  const { host, port, user, password, database } = endpoint
  return createEndpoint({ host, port, user, password, database, ...changes, ...origin })
}

/** The dialect that an endpoint's URL tells; `undefined` where it is in pieces. */
export function dialectOf(endpoint: Endpoint): Dialect | undefined {
  const url = endpoint.url === undefined ? undefined : parseConnectionUrl(endpoint.url)
  return typeof url === 'object' ? url.dialect : undefined
}

/** The values of piece variables; two names for one piece that disagree, and a port that is none, are problems. */
export function piecesOf(variables: PieceVariables, problems: ConfigurationProblems): Connection {
  const connection: Record<string, string | number> = {}
  for (const [piece, found] of Object.entries(variables) as [keyof Connection, readonly Variable[]][]) {
    const [first, second] = found
    if (first === undefined) continue
    if (second !== undefined && second.value !== first.value) {
      problems.add(second.name, `contradicts ${first.name}`, 'unset one of them')
    }
    connection[piece] = piece === 'port' ? portOf(first, problems) : first.value
  }
  return connection
}

function portOf({ name, value }: Variable, problems: ConfigurationProblems): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0
  if (port < 1 || port > 65_535) problems.add(name, 'is not a port', 'set it to a number from 1 to 65535')
  return port
}

/** Whether two endpoints are the same database on the same server, for whichever user. */
export function sameDatabase(a: Endpoint, b: Endpoint, dialect: Dialect | undefined): boolean {
  const port = dialect === 'mysql' ? 3306 : 5432
  return (
    a.host?.toLowerCase() === b.host?.toLowerCase() &&
    (a.port ?? port) === (b.port ?? port) &&
    a.database === b.database
  )
}

/** The same, and for the same user: PlanetScale tells its replicas apart by the user's name. */
export function sameLogin(a: Endpoint, b: Endpoint, dialect: Dialect | undefined): boolean {
  return sameDatabase(a, b, dialect) && a.user === b.user
}

/** The same in every respect, parameters too: Neon tells its replicas apart by one. */
export function sameEndpoint(a: Endpoint, b: Endpoint, dialect: Dialect | undefined): boolean {
  return sameLogin(a, b, dialect) && queryOf(a) === queryOf(b)
}

function queryOf({ url }: Endpoint): string {
  const parsed = url === undefined ? undefined : parseConnectionUrl(url)
  return typeof parsed === 'object' ? parsed.query : ''
}

/**
 * The pieces in a driver's own options: the five we know, where they are set. Others (`ssl`, `max`) and a password that
 * is a function stay the driver's affair. A port may be text, as it comes from a variable.
 */
export function readConnection(options: object, setting: string, problems: ConfigurationProblems): Connection {
  const connection: Record<string, string | number> = {}
  for (const piece of ['host', 'user', 'password', 'database'] as const) {
    const value: unknown = Reflect.get(options, piece)
    if (typeof value === 'string' && value !== '') connection[piece] = value
  }
  const port: unknown = Reflect.get(options, 'port')
  if (typeof port === 'number' || (typeof port === 'string' && port !== '')) {
    connection['port'] = portOf({ name: `${setting}.port`, value: String(port) }, problems)
  }
  return connection
}
