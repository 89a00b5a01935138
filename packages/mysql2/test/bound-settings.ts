import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise'

/** What changes how a session reads a text: a value that became part of one would end somewhere else. */
const modes = [
  "set sql_mode = 'NO_BACKSLASH_ESCAPES'",
  "set sql_mode = 'ANSI_QUOTES'",
  'set names gbk',
  'set names sjis',
  "set time_zone = '+05:00'",
  'set @other = 1',
]

const hostile = fc.constantFrom(
  "x', @role := 'admin' -- ",
  "\\', @role := 'admin' -- ",
  "表', @role := 'admin' -- ",
  "it's",
)
const value = fc.oneof(
  hostile,
  fc.string({ unit: 'grapheme' }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.boolean(),
  fc.constant(null),
  fc.date({ min: new Date('2001-01-01'), max: new Date('2037-01-01'), noInvalidDate: true }),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  fc.array(fc.oneof(fc.integer(), hostile), { maxLength: 3 }),
  fc.record({ user: fc.integer(), tenant: hostile }),
)
const session = fc.record({ mode: fc.constantFrom(...modes), value, isPrepared: fc.boolean() })

interface Bound {
  readonly mode: string
  readonly value: unknown
  readonly isPrepared: boolean
}

/**
 * A session that has bound a value to a setting moves to the primary with it.
 *
 * @param bareOf a pool of the bare driver to the primary
 * @param farOf one of ours next to the replica, whose writes are done on the primary; both with one connection
 */
export function testBoundSettings(bareOf: () => Pool, farOf: () => Pool): void {
  test('a value that was bound to a setting is the same value on the primary, and never a part of a text', async () => {
    const [bare, far] = [bareOf(), farOf()]
    await bare.query('create table if not exists app.bound (id int primary key auto_increment, v longblob, role text)')
    const property = fc.asyncProperty(session, async (bound) => {
      const [expected, seen] = [await played(bare, copied(bound)), await played(far, copied(bound))]
      expect(seen).toEqual(expected)
    })
    await fc.assert(property, { numRuns: 60, seed: 1 })
    await bare.end()
  })
}

/** Each session has values of its own, and changes them once they are sent. */
function copied(bound: Bound): Bound {
  const { value: own } = bound
  if (own instanceof Date) return { ...bound, value: new Date(own) }
  if (Buffer.isBuffer(own)) return { ...bound, value: Buffer.from(own) }
  return { ...bound, value: structuredClone(own) }
}

async function played(pool: Pool, { mode, value: own, isPrepared }: Bound): Promise<unknown> {
  const connection = await pool.getConnection()
  try {
    await connection.query("set @role = 'user'")
    await connection.query(mode)
    await bind(connection, own, isPrepared)
    await connection.query('insert into bound (v, role) values (@v, @role)')
    const [[row]] = await connection.query<RowDataPacket[]>(
      'select hex(v) as v, role, @v as own, @v / 2 as half from bound order by id desc limit 1',
    )
    return row
  } catch (error) {
    return (error as { code?: unknown }).code
  } finally {
    connection.destroy()
  }
}

async function bind(connection: PoolConnection, own: unknown, isPrepared: boolean): Promise<void> {
  const values = [own]
  if (isPrepared) {
    const statement = await connection.prepare('set @v = ?')
    await statement.execute(values as never)
  } else await connection.execute('set @v = ?', values as never)
  values[0] = 'another'
  if (own instanceof Date) own.setTime(0)
  else if (Buffer.isBuffer(own)) own.fill(0)
  else if (Array.isArray(own)) own.length = 0
  else if (typeof own === 'object' && own !== null) (own as { user: unknown }).user = 'another'
}
