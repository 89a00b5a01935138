import type { Connection, Dialect } from './endpoint.ts'

/**
 * A connection URL in its raw parts. It is taken apart and put together by hand, since `URL` would normalise what has
 * to stay as it is: an escaped password, the order of parameters, a host in capitals.
 */
export interface ConnectionUrl {
  readonly dialect: Dialect
  /** With `://`. */
  readonly scheme: string
  /** With its `@`; empty where there is none. */
  readonly userinfo: string
  /** An IPv6 address with its brackets. */
  readonly host: string
  /** With its colon; empty where there is none. */
  readonly port: string
  /** With its slash; empty where there is none. */
  readonly path: string
  /** With its question mark, up to the end. */
  readonly query: string
}

const dialects: Readonly<Record<string, Dialect>> = {
  'postgres://': 'postgres',
  'postgresql://': 'postgres',
  'mysql://': 'mysql',
  'mysql2://': 'mysql',
  'mariadb://': 'mysql',
}

const form =
  /^([a-z][a-z\d+.-]*:\/\/)([^/?#]*@)?(\[[\da-f:.]+(?:%[\w.~-]+)?\]|[^\s:@[\],/?#]*)(:\d*)?(\/[^?#]*)?([?#].*)?$/is

/**
 * An @ that the host should have come after. What precedes it is the rest of a password with a bare `/`, `?` or `#`,
 * and would be shown as a host, a port or a database. In the value of a parameter an @ is in its place.
 */
function hasStrayAt({ userinfo, host, port, path, query }: Omit<ConnectionUrl, 'dialect'>): boolean {
  if (path.includes('@')) return true
  const suspects = query
    .slice(1)
    .split('&')
    .filter((parameter) => parameter.includes('@'))
  if (suspects.length === 0) return false
  if (query.startsWith('#') || path === '' || port === ':' || (userinfo !== '' && host === '')) return true
  return !suspects.every((parameter) => /^[\w.-]+=[^#/]*$/.test(parameter))
}

/** Takes a URL apart, or says what is wrong with it, without quoting it. */
export function parseConnectionUrl(text: string): ConnectionUrl | string {
  const parts = form.exec(text)
  const escape = 'does not parse as a connection URL (special characters in a password have to be percent-encoded)'
  if (parts === null) return /^[^?#]*@[^/]*,/.test(text) ? 'names several hosts' : escape
  const [, scheme = '', userinfo = '', host = '', port = '', path = '', query = ''] = parts
  const raw = { scheme, userinfo, host, port, path, query }
  if (hasStrayAt(raw)) return escape
  const dialect = dialects[scheme.toLowerCase()]
  if (dialect === undefined) {
    return 'is of a kind that is not supported (postgres://, postgresql://, mysql://, mysql2://, mariadb://)'
  }
  const url = { dialect, ...raw }
  const effective = portOf(url)
  return effective === undefined || (effective >= 1 && effective <= 65_535) ? url : 'has a port that is none'
}

/**
 * Whether a connection string is one that node-postgres reads, and that does not say in parts where the server is: the folder of
 * a socket, or a scheme of that driver's own.
 */
export function isOnlyDrivers(text: string, dialect: Dialect | undefined): boolean {
  return dialect === 'postgres' && /^(\/|socket:|pg:|tcp:)/i.test(text)
}

/** What a driver reads from the URL: query parameters win over the authority, as in pg and mysql2. */
export function connectionOf(url: ConnectionUrl): Connection {
  const [user, password] = splitAt(url.userinfo.slice(0, -1), ':')
  const host = parameter(url, 'host') ?? decode(url.host.replace(/^\[(.*)\]$/, '$1'))
  return {
    host: host || undefined,
    port: portOf(url),
    user: (parameter(url, 'user') ?? decode(user)) || undefined,
    password: parameter(url, 'password') ?? (password === undefined ? undefined : decode(password)),
    database: decode(url.path.slice(1)) || undefined,
  }
}

/** The same URL with some pieces changed in it, and every other byte as it was. */
export function changeUrl(url: ConnectionUrl, changes: Connection): string {
  const [user, password] = splitAt(url.userinfo.slice(0, -1), ':')
  const { host, port } = changes
  const newUser = changes.user === undefined ? user : encodeURIComponent(changes.user)
  const newPassword = changes.password === undefined ? password : encodeURIComponent(changes.password)
  const userinfo = `${newUser}${newPassword === undefined ? '' : `:${newPassword}`}`
  let { query } = url
  let authority = { host: url.host, port: url.port }
  for (const [name, value] of Object.entries(changes)) {
    if (value !== undefined)
      query = query.replace(parameterForm(name), (_, key) => `${key}${encodeURIComponent(value)}`)
  }
  if (host !== undefined && parameter(url, 'host') === undefined) {
    authority = { ...authority, host: host.includes(':') ? `[${host}]` : encodeURIComponent(host) }
  }
  if (port !== undefined && parameter(url, 'port') === undefined) authority = { ...authority, port: `:${port}` }
  return [
    url.scheme,
    userinfo === '' ? url.userinfo : `${userinfo}@`,
    authority.host,
    authority.port,
    changes.database === undefined ? url.path : `/${encodeURIComponent(changes.database)}`,
    query,
  ].join('')
}

function portOf(url: ConnectionUrl): number | undefined {
  const text = parameter(url, 'port') ?? url.port.slice(1)
  return text === '' ? undefined : /^\d{1,5}$/.test(text) ? Number(text) : 0
}

function parameterForm(name: string): RegExp {
  return new RegExp(`([?&]${name}=)[^&#]*`)
}

function parameter(url: ConnectionUrl, name: string): string | undefined {
  const found = parameterForm(name).exec(url.query)
  return found === null ? undefined : decode(found[0].slice(name.length + 2).replaceAll('+', ' ')) || undefined
}

function splitAt(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** Percent-decoded, or as it is where that cannot be done: the driver will say so. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Parameters that say where a server is and who logs in: pieces of the connection, and no settings of it. */
const pieceParameters = new Set(['host', 'port', 'user', 'password'])

/** The settings in a URL's parameters, by name, as they are written. */
export function parametersOf(text: string | undefined): Map<string, string> {
  const url = text === undefined ? undefined : parseConnectionUrl(text)
  const found = new Map<string, string>()
  if (url === undefined || typeof url === 'string') return found
  for (const parameter of url.query.replace(/#.*$/s, '').slice(1).split('&')) {
    const [name] = splitAt(parameter, '=')
    if (name !== '' && !pieceParameters.has(name)) found.set(name, parameter)
  }
  return found
}

/** The same URL without the settings that are meant. */
export function removeParameters(text: string, isMeant: (name: string) => boolean): string {
  const meant = [...parametersOf(text).keys()].filter(isMeant)
  if (meant.length === 0) return text
  const [base, query = ''] = splitAt(text.replace(/#.*$/s, ''), '?')
  const kept = query.split('&').filter((parameter) => !meant.includes(splitAt(parameter, '=')[0]))
  return kept.length === 0 ? base : `${base}?${kept.join('&')}`
}

/** The same URL with these parameters in place of its own of the same names. */
export function addParameters(text: string, parameters: ReadonlyMap<string, string>): string {
  const [base, query = ''] = splitAt(text.replace(/#.*$/s, ''), '?')
  const kept = query.split('&').filter((parameter) => parameter !== '' && !parameters.has(splitAt(parameter, '=')[0]))
  return `${base}?${[...kept, ...parameters.values()].join('&')}`
}
