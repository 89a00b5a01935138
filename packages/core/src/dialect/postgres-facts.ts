import type { Observation, Position } from '../position.ts'
import type { Ask } from './ask.ts'
import type { DialectFacts } from './facts.ts'
import { lsn, readPostgresError } from './postgres.ts'
import {
  postgresQuestions,
  readPostgresObservation,
  refusesPostgresQuestion,
  unlessCancelled,
} from './postgres-observation.ts'
import { postgresWriters } from './postgres-writers.ts'
import {
  readRecordEnd,
  readWalPosition,
  replayedColumns,
  separatorColumns,
  walPositionColumns,
} from './wal-position.ts'

export interface PostgresFactsOptions {
  /** Take the local server for a replica, whatever it says. */
  readonly simulated?: boolean
  /** Told when a question was refused and a more modest one is asked from now on. */
  readonly refused?: (error: unknown) => void
}

/** PostgreSQL and what speaks its language; one for each database, as it learns what its servers answer. */
export function postgresFacts({ simulated = false, refused }: PostgresFactsOptions = {}): DialectFacts {
  let known = 0
  return {
    language: 'postgres',
    algebra: lsn,
    abortsTransactions: true,
    readError: readPostgresError,
    isOfReadOnlyTransaction: (error) => !isAboutRecovery(error),
    teachesWrite: (error) => (error as { code?: unknown }).code !== '0A000',
    isAnswer(error) {
      const { severity, code } = (error ?? {}) as { severity?: unknown; code?: unknown }
      if (typeof severity !== 'string' || readPostgresError(error) === 'unavailable') return false
      // statement_completion_unknown, transaction_resolution_unknown
      return code !== '40003' && code !== '08007'
    },
    async observe(ask, expected) {
      // One server that plays both is two.
      const asReplica = (said: Observation): Observation =>
        simulated && expected === 'replica' ? { ...said, instance: `${said.instance}#replica`, role: 'replica' } : said
      for (let question = known; ; question++) {
        const columns = postgresQuestions[question]
        if (columns === undefined) return asReplica(readPostgresObservation([], expected))
        try {
          return asReplica(readPostgresObservation(await unlessCancelled(() => row(ask, columns)), expected))
        } catch (error) {
          if (!refusesPostgresQuestion(error)) throw error
          known = Math.max(known, question + 1)
          refused?.(error)
        }
      }
    },
    async position(ask, server, asynchronous) {
      if (server.cluster === '') throw new Error('The server does not tell its cluster')
      if (server.role === 'replica') return orThrow(readRecordEnd(await row(ask, replayedColumns), server))
      const position = readWalPosition(await row(ask, walPositionColumns), server, asynchronous)
      return orThrow(position === 'unreachable' ? readRecordEnd(await row(ask, separatorColumns), server) : position)
    },
    writers: postgresWriters,
  }
}

/**
 * Whether a refusal is a standby's own ("cannot execute … during recovery") and not that of a read-only transaction, which
 * is the same on the primary. Asked of the server's function first, as messages may be translated.
 */
function isAboutRecovery(error: unknown): boolean {
  const { routine, message } = error as { routine?: unknown; message?: unknown }
  return routine === 'PreventCommandDuringRecovery' || /recovery|hot standby/i.test(String(message))
}

function orThrow(position: Position | Error): Position {
  if (position instanceof Error) throw position
  return position
}

async function row(ask: Ask, columns: string): Promise<readonly unknown[]> {
  const [first = []] = await ask(`select ${columns}`)
  return first
}
