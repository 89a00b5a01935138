import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { mysql } from './cases/mysql.ts'
import { postgres } from './cases/postgres.ts'
import { sqlite } from './cases/sqlite.ts'

test('every reason is in the one table of docs/classification.md, with its access', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../../docs/classification.md'), 'utf8')
  const rows = text.split('\n').flatMap((line) => {
    const [, reasons, accesses] = /^\| (`.+?`) \| ([a-z, ]+) \|/.exec(line) ?? []
    return [...(reasons ?? '').matchAll(/`([^`]+)`/g)].map(([, reason]) => [reason!, accesses!.split(', ')] as const)
  })
  const documented = new Map(rows)
  expect(documented.size).toBe(rows.length)
  for (const { sql, reason, access } of [...postgres, ...mysql, ...sqlite]) {
    const accesses = documented.get(reason.replace(/^function:.*/, 'function:<name>'))
    expect([sql, reason, accesses?.includes(access) ?? false]).toEqual([sql, reason, true])
  }
})
