import { PrimaryRequiredError } from './errors.ts'
import type { Replication } from './replication/types.ts'
import { placeOf } from './request/place.ts'
import { currentScope } from './request/scope.ts'
import { resolveTopology } from './topology/resolve.ts'
import type { Topology } from './topology/topology.ts'

/**
 * Ends here with an error unless this process uses the primary: for migrations and release commands, ahead of the
 * first statement. Without an argument the environment decides; with an adapter's object its server is asked. Inside
 * `runOnPrimary` it always passes; in a request behind a middleware it has the request replayed.
 *
 * @throws PrimaryRequiredError with reason `write`
 * @example
 * await assertPrimary(pool)
 * await migrate()
 */
export function assertPrimary(): void
export function assertPrimary(topology: Topology): void
export function assertPrimary(database: { readonly replication: Replication }): Promise<void>
export function assertPrimary(
  of: Topology | { readonly replication: Replication } = resolveTopology(),
): void | Promise<void> {
  if (!('replication' in of)) return check(of, of.role)
  const { replication } = of
  return replication.status().then(({ role }) => check(replication.topology, role))
}

function check(topology: Topology, role: 'primary' | 'replica'): void {
  const scope = currentScope()
  if (role === 'primary' || scope?.onPrimary) return
  const place = placeOf(scope?.request)
  const error = new PrimaryRequiredError({ reason: 'write', detail: 'assert-primary', topology, place })
  scope?.request.refuse(error)
  throw error
}
