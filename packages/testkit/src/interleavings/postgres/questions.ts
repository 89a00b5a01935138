import { briefColumns, postgresQuestions, replayedColumns, walPositionColumns } from '@flyroute/core/adapter'
import type { Fates } from '../program.ts'
import { type Row, tableOf } from './messages.ts'

const at = '0/3000060'
const timeline = '00000001'
const time = '1700000000000'
const isPrimary = {
  recovering: 'false',
  started: '1',
  cluster: '7',
  timeline,
  at,
  received: null,
  streams: 'false',
}
const isReplica = { ...isPrimary, recovering: 'true', started: '2', received: at, streams: 'true' }

/** What servers say of themselves. All of them stand at the same place: freshness is not what is searched here. */
const answers: Readonly<Record<keyof Fates, ReadonlyMap<string, Row>>> = {
  primary: new Map<string, Row>([
    [`select ${postgresQuestions[0]}`, isPrimary],
    [`select ${walPositionColumns}`, { flushed: at, inserted: at, setting: 'on', timeline, time }],
  ]),
  replica: new Map<string, Row>([
    [`select ${postgresQuestions[0]}`, isReplica],
    [`select ${briefColumns}`, { recovering: 'true', started: '2', at, received: at }],
    [`select ${replayedColumns}`, { at, timeline: null, time }],
  ]),
}

/** What the catalogue knows: a function that writes. */
const routines: Row = { nspname: 'public', proname: 'touch', writes: 'true', hides: 'false' }

/** The form in which a driver is asked that tells no order of columns. */
const asJson = /^select row_to_json\(asked\)::text as answer from \((.*)\) as asked$/s

const known = new Map<string, Buffer>()

/** The answer to a question of flyroute's own. */
export function answerQuestion(text: string, role: keyof Fates, status: 'I' | 'T' | 'E'): Buffer {
  const key = `${role} ${status} ${text}`
  let answer = known.get(key)
  if (answer === undefined) {
    const inner = asJson.exec(text)?.[1]
    const rows = rowsTo(inner ?? text, role)
    answer = tableOf(inner === undefined ? rows : rows.map((row) => ({ answer: JSON.stringify(row) })), status)
    known.set(key, answer)
  }
  return answer
}

function rowsTo(text: string, role: keyof Fates): readonly Row[] {
  const row = answers[role].get(text)
  if (row !== undefined) return [row]
  if (!text.startsWith('with ')) throw new Error(`No server of the model knows: ${text}`)
  return text.includes('bool_or') ? [routines] : []
}
