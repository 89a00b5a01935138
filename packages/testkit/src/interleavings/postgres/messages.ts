import { column, int16, int32, message, zeroEnded } from '../../bytes/postgres.ts'
import type { Said } from '../protocol.ts'
import type { Answer } from '../server-session.ts'

/** What a server of PostgreSQL says, byte by byte. */

/** The type of columns. */
const text = 25

/** A row, all text, by the names of its columns. */
export type Row = Readonly<Record<string, string | null>>

const errors = {
  refusal: ['25006', 'cannot execute INSERT in a read-only transaction'],
  aborted: ['25P02', 'current transaction is aborted, commands ignored until end of transaction block'],
  conflict: ['40001', 'canceling statement due to conflict with recovery'],
  duplicate: ['23505', 'duplicate key value violates unique constraint "note_pkey"'],
} as const

/** The connection is let in. */
export const welcome: Buffer = Buffer.concat([message('R', int32(0)), ready('I')])

function ready(status: 'I' | 'T' | 'E'): Buffer {
  return message('Z', Buffer.from(status))
}

/** The answer to a statement of a program. */
export function answerOf(answer: Answer, status: 'I' | 'T' | 'E'): Buffer {
  if (answer.is === 'error') return Buffer.concat([errorOf(errors[answer.error]), ready(status)])
  const rows = answer.rows === undefined ? [] : [rowsOf([{ one: '1' }])]
  return Buffer.concat([...rows, message('C', zeroEnded(answer.tag)), ready(status)])
}

/** The answer to a question. */
export function tableOf(rows: readonly Row[], status: 'I' | 'T' | 'E'): Buffer {
  return Buffer.concat([rowsOf(rows), message('C', zeroEnded(`SELECT ${rows.length}`)), ready(status)])
}

function rowsOf(rows: readonly Row[]): Buffer {
  const names = Object.keys(rows[0] ?? {})
  const columns = names.map((name) => column(name, text))
  const lines = rows.map((row) => {
    const values = names.map((name) => valueOf(row[name] ?? null))
    return message('D', Buffer.concat([int16(names.length), ...values]))
  })
  return Buffer.concat([message('T', Buffer.concat([int16(names.length), ...columns])), ...lines])
}

function valueOf(value: string | null): Buffer {
  return value === null ? int32(-1) : Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)])
}

function errorOf([code, words]: readonly [string, string]): Buffer {
  const fields = { S: 'ERROR', V: 'ERROR', C: code, M: words }
  const parts = Object.entries(fields).map(([field, value]) => Buffer.concat([Buffer.from(field), zeroEnded(value)]))
  return message('E', Buffer.concat([...parts, Buffer.from([0])]))
}

/** What a client has said: texts of queries, or that it goes. */
export function* readMessages(data: Buffer): Iterable<Said> {
  for (let at = 0; at < data.length; ) {
    const type = String.fromCharCode(data[at] as number)
    const length = data.readInt32BE(at + 1)
    if (type === 'X') yield 'end'
    else if (type === 'Q') yield { text: data.toString('utf8', at + 5, at + length) }
    else throw new Error(`The model does not speak ${type}`)
    at += 1 + length
  }
}
