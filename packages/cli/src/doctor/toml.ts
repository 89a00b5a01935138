/** What a value of a TOML file can be here: dates stay texts. */
export type TomlValue = string | number | boolean | TomlValue[] | TomlTable
export interface TomlTable {
  [key: string]: TomlValue
}

/**
 * Reads as much of TOML as fly.toml is written in: tables, arrays of tables, dotted keys, strings, numbers, booleans, arrays and
 * inline tables. What it does not understand it leaves out: flyctl is the judge of the file.
 */
export function parseToml(text: string): TomlTable {
  const root: TomlTable = {}
  let table = root
  for (const line of logicalLines(text)) {
    const [, open = '', path] = /^(\[\[?)([^\]]+)\]\]?$/.exec(line) ?? []
    if (path !== undefined) {
      table = open === '[[' ? addTo(root, keysOf(path)) : tableAt(root, keysOf(path))
      continue
    }
    const [, key, rest] = /^([\w."'-]+)\s*=\s*(.*)$/s.exec(line) ?? []
    const value = rest === undefined ? undefined : readValue(rest)
    if (key === undefined || value === undefined) continue
    const path2 = keysOf(key)
    const last = path2.pop() as string
    tableAt(table, path2)[last] = value
  }
  return root
}

/** The file's lines without comments, with what is in brackets on one line. */
function* logicalLines(text: string): Generator<string, void> {
  let whole = ''
  for (const line of text.split(/\r?\n/)) {
    whole += ` ${withoutComment(line)}`
    const bare = whole.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '""')
    const isOpen = (bare.match(/[[{]/g)?.length ?? 0) > (bare.match(/[\]}]/g)?.length ?? 0)
    if (isOpen && !/^\s*\[/.test(whole)) continue
    if (whole.trim() !== '') yield whole.trim()
    whole = ''
  }
}

function withoutComment(line: string): string {
  return line.replace(/^((?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*')*)#.*$/, '$1')
}

function keysOf(path: string): string[] {
  return [...path.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map(([, a, b, c]) => a ?? b ?? (c as string))
}

/** A table by its keys, made where it is missing; of an array of tables the last one is meant. */
function tableAt(root: TomlTable, keys: readonly string[]): TomlTable {
  let table = root
  for (const key of keys) {
    const found = Object.hasOwn(table, key) ? table[key] : undefined
    const next = Array.isArray(found) ? found.at(-1) : found
    if (isTable(next)) table = next
    else table = table[key] = {}
  }
  return table
}

function addTo(root: TomlTable, keys: string[]): TomlTable {
  const last = keys.pop() as string
  const parent = tableAt(root, keys)
  const added: TomlTable = {}
  const found = parent[last]
  parent[last] = Array.isArray(found) ? [...found, added] : [added]
  return added
}

function readValue(text: string): TomlValue | undefined {
  const trimmed = text.trim()
  if (/^\[.*\]$/s.test(trimmed)) {
    return pieces(trimmed.slice(1, -1)).flatMap((piece) => readValue(piece) ?? [])
  }
  if (/^\{.*\}$/s.test(trimmed)) return parseToml(pieces(trimmed.slice(1, -1)).join('\n'))
  if (/^'[^']*'$/.test(trimmed)) return trimmed.slice(1, -1)
  if (/^"(?:[^"\\]|\\.)*"$/.test(trimmed)) return trimmed.slice(1, -1).replace(/\\(.)/g, '$1')
  if (/^(true|false)$/.test(trimmed)) return trimmed === 'true'
  const number = Number(trimmed.replaceAll('_', ''))
  return trimmed === '' || Number.isNaN(number) ? undefined : number
}

/** What commas separate, outside of quotes and brackets. */
function pieces(text: string): string[] {
  const found = text.matchAll(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]]*\]|\{[^}]*\}|[^,])+/g)
  return [...found].map(([piece]) => piece.trim()).filter((piece) => piece !== '')
}

export function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value)
}
