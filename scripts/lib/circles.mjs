// Files that import each other in a circle, types included: none of them can be read, moved or tested without the others.
// The linter's own rule finds them; the list is of those that were there before the rule, and may only get shorter.
// Once it is empty, `import/no-cycle` in .oxlintrc.json takes `"ignoreTypes": false`, and this file goes.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bin, root } from './ground.mjs'

const known = [
  'packages/kysely/src/connection.ts',
  'packages/kysely/src/driver.ts',
  'packages/kysely/src/primary-side.ts',
  'packages/kysely/src/replica-side.ts',
  'packages/kysely/src/transaction.ts',
]

/** A line for each file in a circle that is not known, with its way round, and for each known one that is in none. */
export async function circles() {
  const found = await find()
  const news = [...found].filter(([file]) => !known.includes(file))
  const gone = known.filter((file) => !found.has(file))
  return [
    ...news.map(([file, way]) => `${file} is part of a circle of imports.\n${way}`),
    ...gone.map((file) => `${file} is in no circle any more: take it off the list in scripts/lib/circles.mjs.`),
  ].join('\n')
}

/** @returns {Promise<Map<string, string>>} each file that is in a circle, and the circle */
async function find() {
  const folder = mkdtempSync(join(tmpdir(), 'flyroute-circles-'))
  const config = join(folder, 'oxlint.json')
  const rules = { 'import/no-cycle': ['error', { ignoreTypes: false }] }
  writeFileSync(config, JSON.stringify({ plugins: ['import'], categories: { correctness: 'off' }, rules }))
  const folders = ['packages', 'examples', 'bench', 'scripts', 'matrix/lib']
  try {
    const output = await new Promise((resolve) => {
      const options = { cwd: root, maxBuffer: 2 ** 26 }
      execFile(bin('oxlint'), ['-c', config, '--format=json', ...folders], options, (_, stdout) => resolve(stdout))
    })
    const { diagnostics } = JSON.parse(output)
    return new Map(diagnostics.map(({ filename, note }) => [filename, note]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
