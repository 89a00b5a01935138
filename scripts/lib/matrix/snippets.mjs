// The snippets of docs/orms.md, as files of the suites that run them: what people copy is what is tested.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../ground.mjs'

/**
 * Writes the snippets below a suite's heading into its folder. A snippet says in its first line which file it is, and may say
 * for which version: `// db.ts`, `// db.ts, Knex 2`.
 */
export function writeSnippets({ title, name, folder, words = {} }) {
  const text = readFileSync(join(root, 'docs/orms.md'), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? ''
  const version = name.split('@')[1]
  const found = new Map()
  for (const [, file, label, code] of section.matchAll(/^```ts\n\/\/ ([\w-]+\.ts)(?:, (.+))?\n([\s\S]*?)^```$/gm)) {
    if (label === undefined ? !found.has(file) : version !== undefined && label.endsWith(` ${version}`))
      found.set(file, code)
  }
  for (const [file, code] of found) {
    const said = Object.entries(words).reduce((all, [from, to]) => all.replaceAll(from, to), code)
    writeFileSync(join(folder, file), `// Written by the matrix, from docs/orms.md.\n${said}`)
  }
}
