import type { Analysis } from '../classify/types.ts'
import { ConfigurationError } from '../errors.ts'

/** A lock that is the session's, and not a transaction's. */
const sessionLock = /\bpg_(?:try_)?advisory_(?:un)?lock/i
const withHold = /\bwith\s+hold\b/i
const temporary = /(?:^\s*create|\binto)\s+(?:(?:local|global)\s+)?temp(?:orary)?\b/i
const dropped = /\bon\s+commit\s+drop\b/i

/**
 * Whether a statement is for a session that outlives its transaction. A pooler in transaction mode has none: another client would
 * have what it leaves. Settings are not meant: some a pooler keeps by itself, and each ORM makes those it can do without.
 */
function needsSession({ reason, prepared, access }: Analysis, text: string): boolean {
  if (reason === 'listen') return true
  if (prepared?.some(({ action }) => action === 'prepare')) return true
  if (reason === 'advisory-lock') return sessionLock.test(text)
  if (access === 'read') return withHold.test(text) && /^\s*declare\b/i.test(text)
  return (reason === 'create' || reason === 'select-into') && temporary.test(text) && !dropped.test(text)
}

/** Why a statement is not sent to a pooler in transaction mode; undefined where it may be. */
export function whyNoSession(analysis: Analysis, text: string): ConfigurationError | undefined {
  if (!needsSession(analysis, text)) return undefined
  const message = `says that connections keep no session, and this statement (${analysis.reason}) needs one`
  const remedy =
    "run it on a connection that leads around the pooler, such as that of a pool with 'databaseUrl: migrationUrl()'"
  return new ConfigurationError([{ setting: 'pooler', message, remedy }])
}
