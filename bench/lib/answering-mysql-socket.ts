import { EventEmitter } from 'node:events'

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
const [welcome, done] = [packet(2, isOk), packet(1, isOk)]
// Without TLS, compression and what would leave the end of the columns out.
const capabilities = 0xffff_ffff & ~(1 << 5) & ~(1 << 11) & ~(1 << 24)
const handshake = packet(
  0,
  Buffer.concat([
    Buffer.from([10]),
    Buffer.from('5.5.5-10.11.0-MariaDB\0\u0001\0\0\0salt-one\0'),
    int16(capabilities & 0xffff),
    Buffer.from([33, autocommit, 0]),
    int16(capabilities >>> 16),
    Buffer.from([21]),
    Buffer.alloc(10),
    Buffer.from('salt-two-two\0mysql_native_password\0'),
  ]),
)
const columns = [column('id', int), column('title', text)]
const oneRow = result(columns, Buffer.concat(['7', 'Title 7'].map(counted)))
const oneBinaryRow = result(columns, Buffer.concat([Buffer.from([0, 0]), int16(7), int16(0), counted('Title 7')]))
const prepared = packets([
  Buffer.concat([Buffer.from([0]), int16(1), int16(0), int16(2), int16(1), Buffer.alloc(3)]),
  column('?', text),
  isEnd,
  ...columns,
  isEnd,
])
/** What the guard asks of a server at the beginning. */
const selfPortraits = { primary: portrait('0'), replica: portrait('1') }

function portrait(readOnly: string): Buffer {
  const values = [readOnly, '0', '0', '0-1-5', '0-1-5', '0', '1@host:3306', '1', '1', '1700000000', '100', 'OFF']
  return result(
    values.map((_, index) => column(`column${index}`, text)),
    Buffer.concat(values.map(counted)),
  )
}

function result(definitions: readonly Buffer[], row: Buffer): Buffer {
  return packets([Buffer.from([definitions.length]), ...definitions, isEnd, row, isEnd])
}

function packets(bodies: readonly Buffer[]): Buffer {
  return Buffer.concat(bodies.map((body, index) => packet(index + 1, body)))
}

function packet(number: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUIntLE(body.length, 0, 3)
  head[3] = number
  return Buffer.concat([head, body])
}

function column(name: string, type: number): Buffer {
  const names = ['def', 'app', 'post', 'post', name, name].map(counted)
  return Buffer.concat([...names, Buffer.from([12, 33, 0, 40, 0, 0, 0, type, 0, 0, 0, 0, 0])])
}

function counted(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}
