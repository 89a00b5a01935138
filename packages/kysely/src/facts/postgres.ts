import {
  briefColumns,
  lsn,
  type Position,
  postgresQuestions,
  readBriefObservation,
  readPostgresError,
  readPostgresObservation,
  readWalPosition,
  refusesPostgresQuestion,
  replayedColumns,
  type ServerInstance,
  separatorSql,
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
      const columns = server.role === 'replica' ? replayedColumns : walPositionColumns
      const first = await takePosition(ask, columns, server, asynchronous)
      if (first !== 'unreachable') return first
      // One tiny record behind it, and again.
      await ask(separatorSql)
      const second = await takePosition(ask, columns, server, asynchronous)
      if (second === 'unreachable') throw new Error('The position stays unreachable')
      return second
    },
  }
}

async function takePosition(
  ask: Ask,
  columns: string,
  server: ServerInstance,
  asynchronous: boolean,
): Promise<Position | 'unreachable'> {
  const taken = readWalPosition(await row(ask, columns), server, asynchronous)
  if (taken instanceof Error) throw taken
  return taken
}

/** Asks for one row, as one value: whatever the app has set for the types and the names of its columns. */
async function row(ask: Ask, columns: string): Promise<readonly unknown[]> {
  const [{ answer } = { answer: '[]' }] = await ask(`select json_build_array(${columns})::text as answer`)
  return JSON.parse(String(answer)) as unknown[]
}
