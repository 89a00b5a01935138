import type { Endpoint } from '@flyroute/core'
import { factsOf, type Observation, type Role, type ServerProblem } from '@flyroute/core/adapter'
import type { Asked, Language } from './asked.ts'
import { connectMysql } from './mysql.ts'
import { connectPostgres } from './postgres.ts'

/** What a server has said, or why it has not. */
export interface ServerFacts {
  /** The setting that leads to it. */
  readonly setting: string
  readonly endpoint: Endpoint
  /** Why it could not be asked: a code. */
  readonly failure?: string
  readonly observation?: Observation
  readonly problems: readonly ServerProblem[]
  /** The quickest of some round trips (ms). */
  readonly roundTripMs?: number
  /** Its clock minus ours (ms). */
  readonly clockOffsetMs?: number
  /** Whether this user is told how replication goes; undefined where that is no question. */
  readonly mayMonitor?: boolean
}

/** How often the distance is measured. */
const roundTrips = 5

const clocks: Readonly<Record<Language, string>> = {
  postgres: 'select extract(epoch from clock_timestamp())::text',
  mysql: 'select unix_timestamp(sysdate(6))',
}

/** Asks one server all that the checks want to know. Never rejects, and leaves nothing behind. */
export async function askServer(
  endpoint: Endpoint,
  language: Language,
  expected: Role,
  timeoutMs: number,
): Promise<ServerFacts> {
  const problems: ServerProblem[] = []
  const facts = { setting: endpoint.source, endpoint, problems }
  let connection: Asked | undefined
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })), timeoutMs)
  })
  const asking = async (): Promise<ServerFacts> => {
    const connect = language === 'postgres' ? connectPostgres : connectMysql
    connection = await connect(endpoint, timeoutMs)
    return { ...facts, ...(await question(connection, language, expected, problems)) }
  }
  const answer = asking()
  try {
    return await Promise.race([answer, late])
  } catch (error) {
    const { code } = error as { code?: unknown }
    return { ...facts, failure: typeof code === 'string' ? code : 'no answer' }
  } finally {
    clearTimeout(timer)
    // One that connects too late is ended all the same.
    void answer.catch(() => undefined).then(() => connection?.end().catch(() => undefined))
  }
}

async function question(
  asked: Asked,
  language: Language,
  expected: Role,
  problems: ServerProblem[],
): Promise<Partial<ServerFacts>> {
  const dialect = factsOf(language, { onProblem: (problem) => void problems.push(problem) })
  const { ask } = asked
  const observation = await dialect.observe(ask, expected)
  const lag = observation.role === 'replica' ? await dialect.lag?.(asked, observation) : {}
  let [roundTripMs, clockOffsetMs] = [Number.POSITIVE_INFINITY, 0]
  for (let n = 0; n < roundTrips; n++) {
    const [begun, at] = [performance.now(), Date.now()]
    const [[clock] = []] = await ask(clocks[language])
    const took = performance.now() - begun
    if (took >= roundTripMs) continue
    // The quickest tells the clock best: it was read about half-way.
    roundTripMs = took
    clockOffsetMs = Number(clock) * 1_000 - (at + took / 2)
  }
  const isMonitor = language === 'postgres' ? await ask(monitorQuestion).catch(() => undefined) : undefined
  return {
    observation: { ...observation, ...lag },
    roundTripMs,
    clockOffsetMs,
    ...(isMonitor === undefined ? {} : { mayMonitor: isMonitor[0]?.[0] === 'true' }),
  }
}

const monitorQuestion = "select pg_has_role(current_user, 'pg_monitor', 'usage')::text"
