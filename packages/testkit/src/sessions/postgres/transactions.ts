import type fc from 'fast-check'
import { type Mix, sql, texts } from '../choice.ts'
import type { Step } from '../step.ts'

const points = ['s1', 's2', '"S 1"']
const modes = [
  'read only',
  'read write',
  'isolation level serializable',
  'isolation level repeatable read',
  'isolation level repeatable read, read only',
  'isolation level serializable, read only, deferrable',
]

export const begin: fc.Arbitrary<Step> = texts(
  'begin',
  'begin',
  'begin',
  'BEGIN WORK',
  'start transaction',
  sql`begin ${modes}`,
  sql`start transaction ${modes}`,
)

export const transactions: Mix = [
  [6, begin],
  [5, texts('commit', 'commit', 'commit', 'end', 'commit and no chain')],
  [3, texts('rollback', 'rollback', 'abort', 'rollback work')],
  [1, texts('chain', 'commit and chain', 'rollback and chain')],
  [3, texts('savepoint', sql`savepoint ${points}`)],
  [3, texts('rollback to', sql`rollback to ${points}`, sql`rollback to savepoint ${points}`)],
  [1, texts('release', sql`release ${points}`)],
  [2, texts('set transaction', sql`set transaction ${modes}`)],
]
