import type { Observation, Position, Role, ServerInstance } from '../position.ts'
import type { Ask } from './ask.ts'
import type { DialectFacts, DialectFactsOptions } from './facts.ts'
import { LagWatch } from './lag-watch.ts'
import { hasWaited, lsn, readPostgresError, teachesPostgresWrite, waitForReplay } from './postgres.ts'
import { postgresLag } from './postgres-lag.ts'
import {
  briefColumns,
  postgresQuestions,
  readBriefObservation,
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

/** PostgreSQL and what speaks its language. */
export function postgresFacts({ simulated = false, onProblem }: DialectFactsOptions = {}): DialectFacts {
  /** The fullest question that is answered. */
  let known = 0
  const watch = new LagWatch(lsn)

  const read = (answer: readonly unknown[], expected: Role, address: string | undefined): Observation => {
    const said = readPostgresObservation(answer, expected, address)
    // One server that plays both roles is two.
    return simulated && expected === 'replica'
      ? { ...said, instance: said.instance + simulatedMark, role: 'replica' }
      : said
  }

  async function observe(ask: Ask, expected: Role, address?: string): Promise<Observation> {
    for (let question = known; ; question++) {
      const columns = postgresQuestions[question]
      if (columns === undefined) return read([], expected, address)
      try {
        return read(await unlessCancelled(() => row(ask, columns)), expected, address)
      } catch (error) {
        if (!refusesPostgresQuestion(error)) throw error
        known = Math.max(known, question + 1)
        onProblem?.('modest', error)
      }
    }
  }

  return {
    language: 'postgres',
    algebra: lsn,
    abortsTransactions: true,
    questionsShow: false,
    readError: readPostgresError,
    isOfReadOnlyTransaction: (error) => !isAboutRecovery(error),
    isAnswer: isPostgresAnswer,
    teachesWrite: teachesPostgresWrite,
    observe,
    async observeAgain(ask, last) {
      // One that only plays the replica does not say so.
      if (last.role === 'primary' || last.at === undefined || last.instance.endsWith(simulatedMark) || known > 0)
        return undefined
      return readBriefObservation(await unlessCancelled(() => row(ask, briefColumns)), last)
    },
    async lag({ ask }, observation) {
      if (observation.role === 'primary' || known > 0) return {}
      return postgresLag((sql) => unlessCancelled(() => ask(sql)), observation, watch)
    },
    replayWait: { statement: waitForReplay, hasWaited },
    async position(ask, role, told, asynchronous) {
      const isReplica = role === 'replica'
      if (!(told instanceof Promise)) withCluster(told)
      const answer = await row(ask, isReplica ? replayedColumns : walPositionColumns)
      const server = withCluster(await told)
      if (isReplica) return orThrow(readRecordEnd(answer, server))
      const position = readWalPosition(answer, server, asynchronous)
      return orThrow(position === 'unreachable' ? readRecordEnd(await row(ask, separatorColumns), server) : position)
    },
    writers: postgresWriters,
  }
}

/** Ends the name of a server that only plays the replica. */
const simulatedMark = '#replica'

/**
 * Whether a refusal is a standby's own ("cannot execute … during recovery") and not that of a read-only transaction, which
 * is the same on the primary. Asked of the server's function first, as messages may be translated.
 */
function isAboutRecovery(error: unknown): boolean {
  const { routine, message } = (error ?? {}) as { routine?: unknown; message?: unknown }
  return routine === 'PreventCommandDuringRecovery' || /recovery|hot standby/i.test(String(message))
}

function isPostgresAnswer(error: unknown): boolean {
  const { severity, code } = (error ?? {}) as { severity?: unknown; code?: unknown }
  if (typeof severity !== 'string' || readPostgresError(error) === 'unavailable') return false
  // statement_completion_unknown, transaction_resolution_unknown
  return code !== '40003' && code !== '08007'
}

/** One that does not tell its cluster has no positions that could be compared. */
function withCluster(server: ServerInstance): ServerInstance {
  if (server.cluster === '') throw new Error('The server does not tell its cluster')
  return server
}

function orThrow(position: Position | Error): Position {
  if (position instanceof Error) throw position
  return position
}

async function row(ask: Ask, columns: string): Promise<readonly unknown[]> {
  const [answer = []] = await ask(`select ${columns}`)
  return answer
}
