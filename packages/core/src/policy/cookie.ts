/** The cookie that carries a client's token. It is always HttpOnly, and Secure except on localhost. */
export interface TokenCookie {
  /** Default: `flyroute`. A machine on Fly.io appends a mark of its own (`flyroute.c04389`), and reads those of all. */
  readonly name?: string
  /** How long (seconds) the browser keeps it. Default: 86,400, as long as a token counts. */
  readonly maxAgeSeconds?: number
  /** Default: `/`. */
  readonly path?: string
  /** Default: the host that answered. */
  readonly domain?: string
  /** Default: `Lax`. */
  readonly sameSite?: 'Lax' | 'Strict' | 'None'
}

// Reading a few cookies and writing one is all that is needed here; core has no dependencies.

/**
 * The name of the cookie that this machine writes. Answers of two machines to one client may overtake each other, and of
 * two cookies with one name the older token might stay: so each machine has a name of its own, and all are read.
 *
 * @param machineId as Fly.io gives it; without one there is one process, and one name
 */
export function cookieOfMachine(name: string, machineId: string | undefined): string {
  return machineId === undefined || !/^[\w-]+$/.test(machineId) ? name : `${name}.${machineId.slice(-6)}`
}

/** What a machine appends to the name. */
const machineMark = /^[\w-]{1,6}$/

export const noCookies: ReadonlyMap<string, string> = new Map()

/**
 * The cookies of this name, and of this name with a machine after it, in a `cookie` header. Of two with the same name the
 * last one counts. In time linear in its length.
 */
export function readCookies(header: string | undefined, name: string): ReadonlyMap<string, string> {
  if (!header?.includes(name)) return noCookies
  const found = new Map<string, string>()
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    const its = equals === -1 ? '' : pair.slice(0, equals).trim()
    if (!its.startsWith(name)) continue
    // A name comes back in `set-cookie`, so only what a machine's own can be is one of ours.
    if (its !== name && !(its.startsWith(`${name}.`) && machineMark.test(its.slice(name.length + 1)))) continue
    const value = pair.slice(equals + 1).trim()
    found.set(its, value.startsWith('"') ? value.replace(/^"(.*)"$/, '$1') : value)
  }
  return found
}

/** A `set-cookie` header. An empty value removes the cookie. Tokens consist of characters that need no escaping. */
export function writeCookie(cookie: TokenCookie & { name: string }, value: string, host: string | undefined): string {
  const { name, maxAgeSeconds = 86_400, path = '/', domain, sameSite = 'Lax' } = cookie
  // Browsers keep no cookie that is SameSite=None, or named __Host- or __Secure-, unless it is Secure.
  const secure = sameSite === 'None' || name.startsWith('__') || !isLocalhost(host)
  const attributes = [
    `${name}=${value}`,
    `Max-Age=${value === '' ? 0 : maxAgeSeconds}`,
    `Path=${path}`,
    ...(domain === undefined ? [] : [`Domain=${domain}`]),
    'HttpOnly',
    ...(secure ? ['Secure'] : []),
    `SameSite=${sameSite}`,
  ]
  return attributes.join('; ')
}

/** Not every browser keeps Secure cookies of a plain http://localhost or http://127.0.0.1. */
function isLocalhost(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|[^:]+\.localhost)(:\d+)?$/i.test(host)
}
