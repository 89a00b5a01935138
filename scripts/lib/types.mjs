import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The types that entry points lead to, out of all that tsc has emitted: declaration by declaration, as a bundler takes code. The
 * others describe what has no name outside the package.
 *
 * Docs stay on all that a user's editor can show. Entry points that only this repository's adapters use need none.
 *
 * @param {string} folder where the types are
 * @param {string[]} entries files in it
 * @param {(entry: string) => boolean} isPublic whether users import an entry point
 * @returns {Map<string, string>} the texts of the files that are left
 */
export function reachableTypes(folder, entries, isPublic) {
  const files = new Map()
  const open = (file) => {
    if (!files.has(file)) files.set(file, parse(readFileSync(join(folder, file), 'utf8')))
    return files.get(file)
  }

  /** Marks what a name in a file stands for, and all that it leads to. */
  function reach(file, name, isShown) {
    const { declarations, imports } = open(file)
    // The same name may be imported and exported again.
    for (const from of imports.filter(({ as }) => as === name)) {
      if (from.path.startsWith('.'))
        reach(join(dirname(file), from.path.replace(/\.[jt]s$/, '.d.ts')), from.name, isShown)
      from.isUsed = true
    }
    for (const declaration of declarations) {
      if (declaration.name !== name || (declaration.isUsed && (declaration.isShown || !isShown))) continue
      declaration.isUsed = true
      declaration.isShown ||= isShown
      for (const word of declaration.words) reach(file, word, isShown)
    }
  }

  for (const file of entries.toSorted((a, b) => Number(isPublic(b)) - Number(isPublic(a))))
    for (const name of open(file).exported) reach(file, name, isPublic(file))
  const texts = new Map()
  for (const [file, parsed] of files) {
    const text = print(parsed)
    if (text !== '') texts.set(file, text)
  }
  return texts
}

/** A declaration begins in the first column, with its docs, and ends where the next one begins. */
const keyword = '(?:export|import|declare|interface|type|class|abstract) '
const comment = '/\\*\\*(?:(?!\\*/)[^])*\\*/\\n'
const start = new RegExp(`^(?:(?=${comment}${keyword})|(?<!\\*/\\n)(?=${keyword}))`, 'm')
const ownDocs = new RegExp(`^${comment}(?=${keyword})`)
/** A comment that is on no declaration. */
const onTheFile = new RegExp(`(?<=^|[;}]\\n)(?:${comment})+$`)

/** What is at the top level of a file. */
function parse(text) {
  const declarations = []
  const imports = []
  const exported = new Set()
  for (const whole of text.split(start).filter(Boolean)) {
    const [docs] = ownDocs.exec(whole) ?? ['']
    const code = whole.slice(docs.length).replace(onTheFile, '')
    if (code === '') continue
    const list = /^(import|export) (type )?\{([^}]*)\}(?: from ['"](.+)['"])?;\n$/.exec(code)
    if (list !== null) {
      const [, word, , names, path] = list
      for (const one of names
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean)) {
        const [name, as = name] = one.replace(/^type /, '').split(' as ')
        if (path !== undefined) imports.push({ as, name, path, code: one, type: list[2] ?? '', word, isUsed: false })
        if (word === 'export') exported.add(as)
      }
      continue
    }
    const named = /^(?:export )?(?:declare )?(?:abstract )?(?:class|const|function|interface|type) ([\w$]+)/.exec(code)
    const other = /^import (?:type )?(?:\* as )?([\w$]+)(?:, \{.*\})? from/.exec(code)
    if (named === null && other === null) throw new Error(`Not understood in a file of types: ${whole.slice(0, 200)}`)
    const name = (named ?? other)?.[1]
    if (code.startsWith('export ')) exported.add(name)
    const words =
      other === null
        ? new Set(code.replaceAll(/\/\*\*[^]*?\*\//g, '').match(/(?<![\w$])[A-Za-z_$][\w$]*(?![\w$]|\??[:(])/g))
        : new Set()
    words.delete(name)
    declarations.push({ name, docs, code, words, isUsed: false, isShown: false })
  }
  return { declarations, imports, exported }
}

function print({ declarations, imports }) {
  const lists = new Map()
  for (const { word, type, path, code, isUsed } of imports) {
    const key = `${word} ${type}|${path}`
    if (isUsed) lists.set(key, [...(lists.get(key) ?? []), code])
  }
  const lines = [...lists].map(([key, names]) => {
    const [start, path] = key.split('|')
    return `${start}{ ${names.join(', ')} } from '${path}';\n`
  })
  const kept = declarations.filter(({ isUsed }) => isUsed)
  return [
    ...lines,
    ...kept.map(({ docs, code, isShown }) => (isShown ? docs + code : code.replaceAll(/[ \t]*\/\*\*[^]*?\*\/\n/g, ''))),
  ]
    .join('')
    .replaceAll(/^(?: {4})+/gm, (indent) => ' '.repeat(indent.length / 4))
}
