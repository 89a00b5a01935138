import type { Outcome } from './verdicts.ts'

/** A standby refuses with SQLSTATE 25006, or with another one and "recovery" or "hot standby" in the message. */
export function postgresRefusal(error: Error & { code?: string }): Outcome | Error {
  if (error.code === '25006') return 'refused'
  const indirectly =
    ['0A000', '55000', 'XX000'].includes(error.code ?? '') && /recovery|hot standby/.test(error.message)
  return indirectly ? 'refused' : error
}

/** MySQL and MariaDB refuse with error 1290, which is shared with other options. */
export function mysqlRefusal(error: Error & { errno?: number }): Outcome | Error {
  return error.errno === 1290 && error.message.includes('--read-only') ? 'refused' : error
}
