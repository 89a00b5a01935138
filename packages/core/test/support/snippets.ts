import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { compileFunction } from 'node:vm'
import { expect } from '@jest/globals'

/** Code that people copy, and where it stands. */
export interface Snippet {
  readonly where: string
  readonly code: string
}

/** The `ts` blocks of a Markdown file. */
export function snippetsOf(file: string): Snippet[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  const snippets: Snippet[] = []
  for (let line = 0; line < lines.length; line++) {
    if (lines[line] !== '```ts') continue
    const begin = line + 1
    while (lines[line + 1] !== '```') line++
    snippets.push({ where: `${file.split('/').at(-1)}:${begin + 1}`, code: lines.slice(begin, line + 1).join('\n') })
  }
  return snippets
}

/** The `@example` above each exported function of a source file, with or without a fence. */
export function examplesOf(file: string): (Snippet & { readonly name: string })[] {
  const source = readFileSync(file, 'utf8')
  const documented = /\/\*\*\n((?: \*.*\n)+?) \*\/\nexport (?:async )?function (\w+)/g
  return [...source.matchAll(documented)].flatMap(([, comment = '', name = '']) => {
    const text = comment.replace(/^ \* ?/gm, '')
    const example = /@example\n(?:```ts\n)?([\s\S]*?)(?:```|(?=\n@)|$)/.exec(text)?.[1]
    return example === undefined ? [] : [{ where: name, name, code: example.trimEnd() }]
  })
}

/** What a value in a comment behind an expression looks like; anything else there is prose. */
const value = /^(.+?)\s{2,}\/\/ (['"{[\d].*|true|false|null|undefined)$/

/**
 * Runs a snippet as the body of an asynchronous function, with its imports and whatever surrounds it by name. Where a
 * line says what its expression gives, that is so.
 *
 * @returns what the snippet returns
 */
export function runSnippet(
  { code }: Snippet,
  surroundings: Record<string, unknown>,
  modules: Record<string, object>,
): Promise<unknown> {
  const names: Record<string, unknown> = { expect, process, ...surroundings }
  const body = code.replace(/^import \{(.*)\} from '(.*)'$/gm, (_, list: string, from: string) => {
    const module = modules[from]
    if (module === undefined) throw new Error(`The test has no module ${from}`)
    for (const name of list.split(',').map((one) => one.trim())) {
      if (!(name in module)) throw new Error(`${from} has no export ${name}`)
      names[name] = Reflect.get(module, name)
    }
    return ''
  })
  // What a module exports is a name like any other here.
  const checked = body
    .replace(/^export (?=const|function|async)/gm, '')
    .replace(new RegExp(value, 'gm'), 'expect($1).toEqual($2)')
  const main = stripTypeScriptTypes(`async function main() {\n${checked}\n}`)
  return compileFunction(`${main}\nreturn main()`, Object.keys(names))(...Object.values(names)) as Promise<unknown>
}
