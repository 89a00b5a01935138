// What messages of Postgres' protocol are made of.

/** A message, with its type and its length. */
export function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

export function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text}\0`)
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** What stands for one column in the description of a row. */
export function column(name: string, type: number): Buffer {
  return Buffer.concat([zeroEnded(name), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)])
}
