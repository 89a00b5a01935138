/** The cookie that carries a client's token. It is always HttpOnly, and Secure except on localhost. */
export interface TokenCookie {
  /** Default: `flyroute`. */
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

// Reading one cookie and writing one is all that is needed here; core has no dependencies.

/** The last cookie of this name in a `cookie` header; undefined where there is none. In time linear in its length. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (!header) return undefined
  const mark = `${name}=`
  for (let at = header.lastIndexOf(mark); at !== -1; at = at === 0 ? -1 : header.lastIndexOf(mark, at - 1)) {
    let before = at - 1
    while (header[before] === ' ') before--
    if (before !== -1 && header[before] !== ';') continue
    const end = header.indexOf(';', at)
    const value = header.slice(at + mark.length, end === -1 ? undefined : end).trim()
    return value.replace(/^"(.*)"$/, '$1')
  }
  return undefined
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
