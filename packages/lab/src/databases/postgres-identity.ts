import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Gives a copy of a data directory an identity of its own, as `initdb` would: the servers of one cluster know each other by it, and
 * tell others by it. It stands in the control file, under a check sum, and in the head of each file of the log.
 */
export async function identify(data: string): Promise<void> {
  const identity = Buffer.alloc(8)
  // The time in seconds, and in place of the microseconds and the process something that is as unlikely to come again.
  identity.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), 0)
  identity.writeUInt32LE(Math.floor(Date.now() / 1_000), 4)
  const before = await change(join(data, 'global', 'pg_control'), (control) => {
    const sumAt = endOfSummed(control)
    const old = Buffer.from(control.subarray(0, 8))
    identity.copy(control, 0)
    control.writeUInt32LE(checkSum(control.subarray(0, sumAt)), sumAt)
    return old
  })
  for (const name of await readdir(join(data, 'pg_wal'))) {
    if (!/^[\dA-F]{24}$/.test(name)) continue
    await change(join(data, 'pg_wal', name), (head) => {
      // A file that is there for later has no head yet.
      if (head.subarray(inHead, inHead + 8).equals(before)) identity.copy(head, inHead)
    })
  }
}

/** Where the identity stands in a file of the log. */
const inHead = 24

/** Changes the first 8 KB of a file. */
async function change<T>(path: string, how: (head: Buffer) => T): Promise<T> {
  const file = await open(path, 'r+')
  try {
    const head = Buffer.alloc(8_192)
    await file.read(head, 0, head.length, 0)
    const result = how(head)
    await file.write(head, 0, head.length, 0)
    return result
  } finally {
    await file.close()
  }
}

/** The sum stands behind what it is of, which is not as long in each version. */
function endOfSummed(control: Buffer): number {
  for (let end = 64; end < 1_024; end += 4) {
    if (checkSum(control.subarray(0, end)) === control.readUInt32LE(end)) return end
  }
  throw new Error('The control file of the server has no check sum where one was expected.')
}

/** CRC-32C. */
function checkSum(bytes: Buffer): number {
  let sum = 0xffff_ffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f6_3b78 : 0)
  }
  return ~sum >>> 0
}
