import { briefColumns, postgresQuestions, replayedColumns, walPositionColumns } from '@flyroute/core/adapter'
import type { Fates } from '../program.ts'
import { tableOf } from './messages.ts'

const place = '0/3000060'
const timeline = '00000001'
const time = '1700000000000'

/** What servers say of themselves. All of them stand at the same place: freshness is not what is searched here. */
const answers = {
  primary: new Map<string, readonly (string | null)[]>([
    [`select ${postgresQuestions[0]}`, ['false', '1', '7', timeline, place, null, '0', null]],
    [`select ${walPositionColumns}`, [place, place, 'on', timeline, time]],
  ]),
  replica: new Map<string, readonly (string | null)[]>([
    [`select ${postgresQuestions[0]}`, ['true', '2', '7', timeline, place, place, '0', '0']],
    [`select ${briefColumns}`, ['true', '2', place, place]],
    [`select ${replayedColumns}`, [place, null, time]],
  ]),
} as const

const routines = [['public', 'touch', 'true', 'false']]
const known = new Map<string, Buffer>()

/** The answer to a question of flyroute's own. */
export function answerQuestion(text: string, role: keyof Fates, status: 'I' | 'T' | 'E'): Buffer {
  const key = `${role} ${status} ${text}`
  let answer = known.get(key)
  if (answer === undefined) {
    const row = answers[role].get(text)
    const isCatalogue = text.startsWith('with ')
    if (row === undefined && !isCatalogue) throw new Error(`No server of the model knows: ${text}`)
    answer = tableOf(row !== undefined ? [row] : text.includes('bool_or') ? routines : [], status)
    known.set(key, answer)
  }
  return answer
}
