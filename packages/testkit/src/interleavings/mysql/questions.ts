import type { Fates } from '../program.ts'
import type { ServerSession } from '../server-session.ts'
import { done, tableOf } from './packets.ts'

/** Where all servers stand: freshness is not what is searched here. */
const executed = '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5'

/** What a session tells that has committed something. */
export const gtid = '3e11fa47-71ca-11e1-9e33-c80aa9429562:5'

/** What a server says of itself, by the expressions that ask for it. */
const values = (role: keyof Fates): Readonly<Record<string, string | null>> => ({
  '@@global.read_only': role === 'replica' ? '1' : '0',
  '@@global.super_read_only': role === 'replica' ? '1' : '0',
  '@@global.innodb_read_only': '0',
  '@@global.gtid_executed': executed,
  '@@session.transaction_read_only': '0',
  '@@global.completion_type': 'NO_CHAIN',
  '@@server_uuid': `${role}-uuid`,
  "@@global.gtid_mode like 'ON%'": '1',
  'unix_timestamp(sysdate(6))': '1700000000.000000',
  "(select variable_value from performance_schema.global_status where variable_name = 'Uptime')": '1000',
  null: null,
  '0': '0',
})
const known = { primary: values('primary'), replica: values('replica') } as const

const answers = new Map<string, Buffer>()

/** One column of a question: its expression and, in most, our name for it. */
const column = /\s*((?:\([^()]*(?:\([^()]*\)[^()]*)*\)|'[^']*'|[^,'()])+?)(?: as (c\d+))?(?:,|$)/gy

/** Whether the session is to add GTIDs to its answers from now on. */
export function asksToTrack(text: string): boolean {
  return /^set session session_track_gtids\b/.test(text)
}

/** The answer to a question of flyroute's own. */
export function answerQuestion(text: string, role: keyof Fates, status: ServerSession['status']): Buffer {
  const key = `${role} ${status} ${text}`
  let answer = answers.get(key)
  if (answer === undefined) answers.set(key, (answer = answerTo(text, role, status)))
  return answer
}

function answerTo(text: string, role: keyof Fates, status: ServerSession['status']): Buffer {
  if (asksToTrack(text)) return done(status)
  // The catalogue knows a function that writes, and nothing that hides a refusal.
  if (/\bfrom information_schema\.routines group by\b/.test(text)) {
    return tableOf(['c0', 'c1', 'c2', 'c3'], [['app', 'touch', '1', '0']], status)
  }
  if (/\bfrom information_schema\.(routines|views)\b/.test(text)) return tableOf(['c0', 'c1'], [], status)
  const asked = [...(/^select (.*)$/s.exec(text)?.[1] ?? '').matchAll(column)]
  const row = asked.map(([, expression = '']) => {
    const value = known[role][expression]
    if (value === undefined) throw new Error(`No server of the model knows: ${text}`)
    return value
  })
  if (row.length === 0) throw new Error(`No server of the model knows: ${text}`)
  return tableOf(
    asked.map(([, expression = '', name = expression]) => name),
    [row],
    status,
  )
}
