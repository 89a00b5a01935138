import { classify } from '@flyroute/core'
import { expect, test } from '@jest/globals'
import type { Row } from './cases/table.ts'

/** What a real read-only server did with a statement. */
export type Outcome = 'ran' | 'refused'

/** Tests that `classify` judges each row as the table says. */
export function testVerdicts(rows: readonly Row[]): void {
  test.each(rows.map((row) => [row.sql, row] as const))('%j', (_, { sql, dialect, access, reason }) => {
    expect(classify(sql, dialect)).toEqual({ access, reason })
  })

  test('no statement stands in the table twice', () => {
    const seen = rows.map(({ sql, before, server }) => JSON.stringify([sql, before, server]))
    expect(seen.filter((key, i) => seen.indexOf(key) !== i)).toEqual([])
  })
}

/** What the table says that a read-only server does; `either` where the text cannot tell. */
function expected({ access, runsThough }: Row): Outcome | 'either' {
  if (access === 'unknown') return 'either'
  return access === 'read' || runsThough !== undefined ? 'ran' : 'refused'
}

/** Runs every row by `run` and tells where the server did not do what the table says. */
export async function disagreements(
  rows: readonly Row[],
  run: (row: Row) => Promise<Outcome | Error>,
): Promise<string[]> {
  const found: string[] = []
  for (const row of rows) {
    const outcome = await run(row)
    if (outcome instanceof Error) found.push(`${row.sql} failed: ${outcome.message}`)
    else if (expected(row) !== 'either' && outcome !== expected(row)) found.push(`${row.sql} ${outcome}`)
  }
  return found
}
