import { classify, explainClassification } from '@flyroute/core'
import { expect, test } from '@jest/globals'
import { mysql } from './cases/mysql.ts'
import { postgres } from './cases/postgres.ts'
import { sqlite } from './cases/sqlite.ts'

test('shows what decided, and where', () => {
  const sql =
    "select 1;\nselect u.*, 'for update'\n  from users u -- for share\n  where id = $1\n  for no key update of u"
  const explained = explainClassification(sql, 'postgres')
  expect(explained).toMatchObject({
    access: 'write',
    reason: 'locking-clause',
    statements: [
      { access: 'read', reason: 'select', words: ['SELECT'], line: 1, column: 1, offset: 0 },
      {
        access: 'write',
        reason: 'locking-clause',
        words: ['SELECT', 'U', 'FROM', 'USERS', 'U', 'WHERE', 'ID', 'FOR', 'NO', 'KEY'],
        line: 5,
        column: 10,
      },
    ],
  })
  expect(sql.slice(explained.statements[1]!.offset)).toMatch(/^key update/)
  expect(String(explained)).toBe(
    '1:1 read (select): SELECT\n5:10 write (locking-clause): SELECT U FROM USERS U WHERE ID FOR NO KEY',
  )
})

test('an empty text has no statement', () => {
  expect(explainClassification(' -- nothing', 'mysql')).toMatchObject({
    access: 'read',
    reason: 'empty',
    statements: [],
  })
})

test("knows one's own functions", () => {
  expect(explainClassification('select audit(1)', 'sqlite', { functions: { write: ['audit'] } }).reason).toBe(
    'function:audit',
  )
})

test('agrees with classify', () => {
  for (const { sql, dialect } of [...postgres, ...mysql, ...sqlite]) {
    const { access, reason } = explainClassification(sql, dialect)
    expect([sql, { access, reason }]).toEqual([sql, classify(sql, dialect)])
  }
})
