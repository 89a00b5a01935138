import type { Command } from './driver-types.ts'

/** Whom COM_CHANGE_USER makes of a session; undefined for a mere reset. */
export function otherUser(command: Command): object | undefined {
  if (!('currentConfig' in command)) return undefined
  const { user, password, passwordSha1, database, charsetNumber } = command as unknown as Record<string, unknown>
  return { user, password, passwordSha1, database, charsetNumber }
}

/** MariaDB: after three users that were not let in, the connection may name no other; its session stays as it is. */
export function isIgnored(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ER_UNKNOWN_COM_ERROR'
}
