import { type Connection, createEndpoint, type Endpoint } from '../endpoint.ts'
import { addParameters, connectionOf, parametersOf, parseConnectionUrl } from '../endpoint-url.ts'
import { changed } from './endpoints.ts'

// The environment names a server and the login that goes with it. A client that brings a login or parameters of its own
// connects with those to every server: with the environment's it would read as another user.

/**
 * A replica that the environment names, as this client reaches it.
 *
 * @param primary the primary as the client reaches it
 * @param owner the primary as the environment has it; undefined where it names none
 */
export function forClient(replica: Endpoint, primary: Endpoint, owner: Endpoint | undefined): Endpoint {
  const { source, region } = replica
  const origin = { source, region }
  const own = bringsLogin(primary, owner)
    ? changed(replica, { user: primary.user, password: primary.password ?? '', ...databaseFor(primary, owner) }, origin)
    : replica
  const parameters = parametersOf(primary.url)
  if (parameters.size === 0 || primary.url === owner?.url || own.url === undefined) return own
  const url = addParameters(own.url, parameters)
  const parsed = parseConnectionUrl(url)
  return typeof parsed === 'string' ? own : createEndpoint({ ...connectionOf(parsed), url, ...origin })
}

/** The pieces that say where a replica is, and those of the login where the client brings none. */
export function placeOnly(pieces: Connection, primary: Endpoint, owner: Endpoint | undefined): Connection {
  if (!bringsLogin(primary, owner)) return pieces
  const { user: _, password: __, ...place } = pieces
  return place
}

function bringsLogin(primary: Endpoint, owner: Endpoint | undefined): boolean {
  if (primary.user === undefined) return false
  return primary.user !== owner?.user || primary.password !== owner.password
}

/** Beside a primary the environment's replicas are known to be of the same database; without one they may name another. */
function databaseFor({ database }: Endpoint, owner: Endpoint | undefined): Connection {
  return owner === undefined && database !== undefined ? { database } : {}
}
