import { column, counted, greeting as greetingOf, int16, packets } from '../../bytes/mysql.ts'
import type { Said } from '../protocol.ts'
import type { Answer, ServerSession } from '../server-session.ts'

/** What a server of MySQL says, byte by byte: without DEPRECATE_EOF, so that all rows end in the same way. */

type Status = ServerSession['status']

const capabilities =
  1 | // LONG_PASSWORD
  2 | // FOUND_ROWS
  8 | // CONNECT_WITH_DB
  0x2_00 | // PROTOCOL_41
  0x20_00 | // TRANSACTIONS
  0x80_00 | // SECURE_CONNECTION
  0x2_00_00 | // MULTI_RESULTS
  0x8_00_00 | // PLUGIN_AUTH
  0x80_00_00 // SESSION_TRACK

const inTransaction = 1
const autocommit = 2
const stateHasChanged = 0x40_00
/** In what has changed of a session: the GTIDs of what it has committed. */
const gtidsHaveChanged = 3

const varString = 253

const errors = {
  refusal: [1290, 'HY000', 'The MySQL server is running with the --super-read-only option so it cannot execute this statement'],
  aborted: [1105, 'HY000', 'No transaction of MySQL is aborted by an error'],
  conflict: [1205, 'HY000', 'Lock wait timeout exceeded; try restarting transaction'],
  duplicate: [1062, '23000', "Duplicate entry '1' for key 'note.PRIMARY'"],
} as const // biome-ignore format: a table

/** The server speaks first. */
export const greeting: Buffer = greetingOf('8.4.0', capabilities, autocommit)

/** The client is let in, with whatever it has answered to the greeting. */
export const welcome: Buffer = packets(2, [ok('I', 0, undefined)])

/** The answer to a statement of a program. @param gtid what the session tells of what it has committed */
export function answerOf(answer: Answer, status: Status, gtid: string | undefined): Buffer {
  if (answer.is === 'error') return packets(1, [errorOf(errors[answer.error])])
  if (answer.rows !== undefined) return tableOf(['1'], [['1']], status)
  return packets(1, [ok(status, answer.tag.startsWith('INSERT') ? 1 : 0, answer.commits === true ? gtid : undefined)])
}

/** The answer to a question that has no rows. */
export function done(status: Status): Buffer {
  return packets(1, [ok(status, 0, undefined)])
}

/** The answer to a question. */
export function tableOf(
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  status: Status,
): Buffer {
  const end = Buffer.concat([Buffer.from([0xfe]), int16(0), int16(statusOf(status))])
  return packets(1, [
    Buffer.from([columns.length]),
    ...columns.map((name) => column(['', '', name], varString)),
    end,
    ...rows.map((row) => Buffer.concat(row.map(valueOf))),
    end,
  ])
}

function valueOf(value: string | null): Buffer {
  return value === null ? Buffer.from([0xfb]) : counted(value)
}

function ok(status: Status, affectedRows: number, gtid: string | undefined): Buffer {
  const flags = statusOf(status) | (gtid === undefined ? 0 : stateHasChanged)
  const begin = [Buffer.from([0, affectedRows, 0]), int16(flags), int16(0)]
  if (gtid === undefined) return Buffer.concat(begin)
  const change = Buffer.concat([Buffer.from([0]), counted(gtid)])
  const changes = Buffer.concat([Buffer.from([gtidsHaveChanged, change.length]), change])
  return Buffer.concat([...begin, counted(''), Buffer.from([changes.length]), changes])
}

function statusOf(status: Status): number {
  return status === 'I' ? autocommit : autocommit | inTransaction
}

function errorOf([number, state, words]: readonly [number, string, string]): Buffer {
  return Buffer.concat([Buffer.from([0xff]), int16(number), Buffer.from(`#${state}${words}`)])
}

const commands: Readonly<Record<number, string>> = { 1: 'COM_QUIT', 3: 'COM_QUERY' }

/** What a client has said: texts of queries, or that it goes. */
export function* readPackets(data: Buffer): Iterable<Said> {
  for (let at = 0; at < data.length; ) {
    const length = data.readUIntLE(at, 3)
    const command = commands[data[at + 4] as number]
    if (command === 'COM_QUIT') yield 'end'
    else if (command === 'COM_QUERY') yield { text: data.toString('utf8', at + 5, at + 4 + length) }
    else throw new Error(`The model does not speak command ${data[at + 4]}`)
    at += 4 + length
  }
}
