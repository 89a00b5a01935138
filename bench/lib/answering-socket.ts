import { EventEmitter } from 'node:events'
import { column, int16, int32, message, zeroEnded } from '@flyroute/testkit/bytes/postgres'

/** A socket to nowhere that answers each statement at once with the same bytes, as Postgres would write them. */
export class AnsweringSocket extends EventEmitter {
  readonly writable = true
  readonly #role: 'primary' | 'replica'
  #isStarted = false

  constructor(role: 'primary' | 'replica') {
    super()
    this.#role = role
  }

  connect(): void {
    setImmediate(() => this.emit('connect'))
  }

  write(data: Buffer): boolean {
    if (data[0] === goodbye) return true
    const answer = !this.#isStarted ? welcome : data.includes('pg_is_in_recovery') ? selfPortraits[this.#role] : oneRow
    this.#isStarted = true
    setImmediate(() => this.emit('data', answer))
    return true
  }

  end(): void {
    setImmediate(() => this.emit('close'))
  }

  destroy(): void {
    this.end()
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}
  cork(): void {}
  uncork(): void {}
  ref(): void {}
  unref(): void {}
}

const goodbye = 'X'.charCodeAt(0)
const [int, text] = [23, 25]
const isReady = message('Z', Buffer.from('I'))
const welcome = Buffer.concat([message('R', int32(0)), message('K', Buffer.concat([int32(1), int32(2)])), isReady])
const oneRow = result([int, text], ['7', 'Title 7'])
/** What the guard asks of a server at the beginning: recovery, start, cluster, timeline, replayed, received, lag. */
const selfPortraits = {
  primary: result(Array(8).fill(text), ['false', '1.5', '7', '00000001', '0/3000000', '', '0', '0']),
  replica: result(Array(8).fill(text), ['true', '1.5', '7', '00000001', '0/3000000', '0/3000000', '0', '0']),
}

function result(types: readonly number[], values: readonly string[]): Buffer {
  const columns = types.map((type, index) => column(`column${index}`, type))
  const cells = values.map((value) => Buffer.concat([int32(value.length), Buffer.from(value)]))
  return Buffer.concat([
    message('T', Buffer.concat([int16(columns.length), ...columns])),
    message('D', Buffer.concat([int16(cells.length), ...cells])),
    message('C', zeroEnded('SELECT 1')),
    isReady,
  ])
}
