import {
  briefColumns,
  lsn,
  type Position,
  postgresQuestions,
  readBriefObservation,
  readPostgresError,
  readPostgresObservation,
  readRecordEnd,
  readWalPosition,
  refusesPostgresQuestion,
  replayedColumns,
  separatorColumns,
  unlessCancelled,
  walPositionColumns,
} from '@flyroute/core/adapter'
import type { Ask, Facts } from './facts.ts'

/** PostgreSQL and what speaks its language. */
export function postgresFacts(): Facts {
  let known = 0
  return {
    language: 'postgres',
    algebra: lsn,
    readError: readPostgresError,
    isOfReadOnlyTransaction: (error) => !/recovery|hot standby/i.test(String((error as Error).message)),
    isAnswer(error) {
      const { severity, code } = (error ?? {}) as { severity?: unknown; code?: unknown }
      if (typeof severity !== 'string' || readPostgresError(error) === 'unavailable') return false
      // statement_completion_unknown, transaction_resolution_unknown
      return code !== '40003' && code !== '08007'
    },
    async observe(ask, expected) {
      for (let question = known; ; question++) {
        const columns = postgresQuestions[question]
        if (columns === undefined) return readPostgresObservation([], expected)
        try {
          return readPostgresObservation(await unlessCancelled(() => row(ask, columns)), expected)
        } catch (error) {
          if (!refusesPostgresQuestion(error)) throw error
          known = Math.max(known, question + 1)
        }
      }
    },
    async observeAgain(ask, last) {
      if (last.role === 'primary' || last.at === undefined) return undefined
      return readBriefObservation(await unlessCancelled(() => row(ask, briefColumns)), last)
    },
    async position(ask, server, asynchronous) {
      if (server.cluster === '') throw new Error('The server does not tell its cluster')
      if (server.role === 'replica') return orThrow(readRecordEnd(await row(ask, replayedColumns), server))
      const position = readWalPosition(await row(ask, walPositionColumns), server, asynchronous)
      return orThrow(position === 'unreachable' ? readRecordEnd(await row(ask, separatorColumns), server) : position)
    },
  }
}

function orThrow(position: Position | Error): Position {
  if (position instanceof Error) throw position
  return position
}

/** Asks for one row, as one value: whatever the app has set for the types and the names of its columns. */
async function row(ask: Ask, columns: string): Promise<readonly unknown[]> {
  const [{ answer } = { answer: '[]' }] = await ask(`select json_build_array(${columns})::text as answer`)
  return JSON.parse(String(answer)) as unknown[]
}
