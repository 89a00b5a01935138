import { EventEmitter } from 'node:events'
import { column, counted, greeting, int16, packets } from '@flyroute/testkit/bytes/mysql'

/** A socket to nowhere that answers each statement at once with the same bytes, as MariaDB would write them. */
export class AnsweringMysqlSocket extends EventEmitter {
  readonly #role: 'primary' | 'replica'
  #isStarted = false

  constructor(role: 'primary' | 'replica') {
    super()
    this.#role = role
    setImmediate(() => this.emit('data', handshake))
  }

  write(data: Buffer): boolean {
    const answer = this.#answerTo(data)
    if (answer !== undefined) setImmediate(() => this.emit('data', answer))
    return true
  }

  #answerTo(data: Buffer): Buffer | undefined {
    if (!this.#isStarted) {
      this.#isStarted = true
      return welcome
    }
    const asked = data[4]
    if (asked === command.prepare) return prepared
    if (asked === command.execute) return oneBinaryRow
    if (asked !== command.query) return undefined
    if (data.includes('@@global.read_only')) return selfPortraits[this.#role]
    return data.includes('select') ? oneRow : done
  }

  end(): void {
    setImmediate(() => {
      this.emit('end')
      this.emit('close')
    })
  }

  destroy(): void {
    this.end()
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}
  pause(): void {}
  resume(): void {}
  ref(): void {}
  unref(): void {}
}

const command = { query: 3, prepare: 0x16, execute: 0x17 }
const [int, text] = [3, 253]
const autocommit = 2
const isOk = Buffer.from([0, 0, 0, autocommit, 0, 0, 0])
const isEnd = Buffer.from([0xfe, 0, 0, autocommit, 0])
const [welcome, done] = [packets(2, [isOk]), packets(1, [isOk])]
// Without TLS, compression and what would leave the end of the columns out.
const capabilities = 0xffff_ffff & ~(1 << 5) & ~(1 << 11) & ~(1 << 24)
const handshake = greeting('5.5.5-10.11.0-MariaDB', capabilities, autocommit)
const columns = [column(['app', 'post', 'id'], int), column(['app', 'post', 'title'], text)]
const oneRow = result(columns, Buffer.concat(['7', 'Title 7'].map(counted)))
const oneBinaryRow = result(columns, Buffer.concat([Buffer.from([0, 0]), int16(7), int16(0), counted('Title 7')]))
const prepared = packets(1, [
  Buffer.concat([Buffer.from([0]), int16(1), int16(0), int16(2), int16(1), Buffer.alloc(3)]),
  column(['app', 'post', '?'], text),
  isEnd,
  ...columns,
  isEnd,
])
/** What the guard asks of a server at the beginning. */
const selfPortraits = { primary: portrait('0'), replica: portrait('1') }

function portrait(readOnly: string): Buffer {
  const values = [readOnly, '0', '0', '0-1-5', '0-1-5', '0', '1@host:3306', '1', '1', '1700000000', '100', 'OFF']
  return result(
    values.map((_, index) => column(['', '', `column${index}`], text)),
    Buffer.concat(values.map(counted)),
  )
}

function result(definitions: readonly Buffer[], row: Buffer): Buffer {
  return packets(1, [Buffer.from([definitions.length]), ...definitions, isEnd, row, isEnd])
}
