import type { DatabaseConnection, Driver } from 'kysely'
import { compiled } from './statement.ts'

/** What takes a session back to its beginning, or ends it, where the driver cannot be had to close its connection. */
const resets: Readonly<Record<string, readonly string[]>> = {
  postgres: ['discard all'],
  // The second one is answered when the first one has ended the connection.
  mysql: ['kill connection_id()', 'select 1'],
  sqlite: [],
}

/**
 * Sees to it that a connection is not used again as it is. Kysely has no method for that, but its drivers for PostgreSQL close
 * a connection whose ROLLBACK has failed (since 0.29), by a private method of the connection; so it is made to fail.
 */
export async function discard(driver: Driver, inner: DatabaseConnection, language: string): Promise<void> {
  let isMarked = false
  const failing = new Proxy(inner, {
    get(target, key) {
      if (key === 'executeQuery') return () => Promise.reject(new Error('This connection is to be closed'))
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      isMarked ||= typeof key === 'symbol'
      return value.bind(target)
    },
  })
  await driver.rollbackTransaction(failing).catch(() => undefined)
  if (isMarked) return
  await driver.rollbackTransaction(inner).catch(() => undefined)
  for (const text of resets[language] ?? []) await inner.executeQuery(compiled(text)).catch(() => undefined)
}
