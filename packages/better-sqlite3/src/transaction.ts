import type { Database, Transaction } from 'better-sqlite3'
import type { Guard } from './guard.ts'

type Run = (this: unknown, ...params: unknown[]) => unknown
type Kind = 'default' | 'deferred' | 'immediate' | 'exclusive'

const kinds: readonly Kind[] = ['default', 'deferred', 'immediate', 'exclusive']

/**
 * The driver's transaction function, in all four kinds. The driver begins and ends transactions below the guard; so the
 * guard is asked before one that locks for writing begins, before one commits in which a write was refused, and told
 * when one has ended.
 *
 * @param wrap the driver's own `transaction`
 */
export function guardTransaction(
  guard: Guard,
  database: Database,
  fn: (...params: never[]) => unknown,
  wrap: (fn: Run) => Transaction<Run>,
): Transaction<Run> {
  if (typeof fn !== 'function') return wrap(fn)
  const inner = wrap(function inTransaction(...params) {
    const result = (fn as unknown as Run).apply(this, params)
    guard.commits()
    return result
  })
  const guarded = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      function transaction(this: unknown, ...params: unknown[]): unknown {
        const locks = (kind === 'immediate' || kind === 'exclusive') && !database.inTransaction
        const run = (): unknown => inner[kind].apply(this, params)
        return locks ? guard.writes(() => 'replicated', `begin-${kind}`, run) : guard.transacts(run)
      },
    ]),
  ) as Record<Kind, Run>
  const properties: PropertyDescriptorMap = { database: { value: database, enumerable: true } }
  for (const kind of kinds) properties[kind] = { value: guarded[kind] }
  for (const kind of kinds) Object.defineProperties(guarded[kind], properties)
  return guarded.default as Transaction<Run>
}
