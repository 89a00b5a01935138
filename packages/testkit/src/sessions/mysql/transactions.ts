import type fc from 'fast-check'
import { type Mix, sql, texts } from '../choice.ts'
import type { Step } from '../step.ts'

const points = ['s1', 's2', '`S 1`']

export const begin: fc.Arbitrary<Step> = texts(
  'begin',
  'begin',
  'begin',
  'start transaction',
  'START TRANSACTION READ ONLY',
  'start transaction read write',
  'start transaction with consistent snapshot',
)

export const transactions: Mix = [
  [5, begin],
  [4, texts('commit', 'commit', 'commit', 'commit work')],
  [3, texts('rollback', 'rollback', 'rollback work')],
  [1, texts('chain', 'commit and chain', 'rollback and chain')],
  [2, texts('savepoint', sql`savepoint ${points}`)],
  [2, texts('rollback to', sql`rollback to ${points}`, sql`rollback to savepoint ${points}`)],
  [1, texts('release', sql`release savepoint ${points}`)],
]
