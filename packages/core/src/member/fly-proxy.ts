import type { Endpoint } from '../endpoint.ts'

/**
 * Fly Proxy closes connections ten minutes after it was told to restart. So those that lead through it are made anew before that:
 * how long (ms) one lasts at most, and how long it may be idle. Source: Fly.io, "Managed Postgres", "Connect Your Client".
 */
const bounds = { lifetimeMs: 600_000, idleMs: 300_000 } as const

/** How long a connection lasts at most. */
export type ConnectionBounds = typeof bounds

/** The bounds of connections to an endpoint; undefined where they do not lead through Fly Proxy. */
export function boundsOf({ host = '' }: Endpoint): ConnectionBounds | undefined {
  return /\.(flympg\.net|flycast)\.?$/i.test(host) ? bounds : undefined
}
