// What packets of MySQL's protocol are made of.

/** Packets one behind the other, each with its length and its number. */
export function packets(first: number, bodies: readonly Buffer[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body, index) => {
      const head = Buffer.alloc(4)
      head.writeUIntLE(body.length, 0, 3)
      head[3] = first + index
      return [head, body]
    }),
  )
}

/** A short text with its length. */
export function counted(value: string): Buffer {
  const length = Buffer.byteLength(value)
  if (length > 250) throw new Error(`No text as long as ${value} is written here`)
  return Buffer.concat([Buffer.from([length]), Buffer.from(value)])
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const utf8 = 45

/** What describes one column. @param names of the database, the table, and the column */
export function column([database, table, name]: readonly [string, string, string], type: number): Buffer {
  return Buffer.concat([
    ...['def', database, table, table, name, name].map(counted),
    Buffer.from([0x0c]),
    int16(utf8),
    int32(1_024),
    Buffer.from([type]),
    int16(0),
    Buffer.from([0, 0, 0]),
  ])
}

/**
 * What a server says first, where passwords are asked for in the oldest way.
 * @param capabilities what it can do, as bits
 */
export function greeting(version: string, capabilities: number, status: number): Buffer {
  return packets(0, [
    Buffer.concat([
      Buffer.from([10]),
      Buffer.from(`${version}\0`),
      int32(1),
      Buffer.from('12345678\0'),
      int16(capabilities & 0xff_ff),
      Buffer.from([utf8]),
      int16(status),
      int16(capabilities >>> 16),
      Buffer.from([21]),
      Buffer.alloc(10),
      Buffer.from('123456789012\0mysql_native_password\0'),
    ]),
  ])
}
