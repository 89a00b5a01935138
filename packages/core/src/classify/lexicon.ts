import { mysql } from './mysql/index.ts'
import { postgres } from './postgres/index.ts'
import { type CallRule, write } from './rules.ts'
import { classesOf, type Lexicon, type Syntax } from './scan.ts'
import { sqlite } from './sqlite/index.ts'
import type { ClassifyOptions, Dialect, FunctionNames } from './types.ts'
import { type Meanings, Vocabulary } from './words.ts'

/** All that is particular to a dialect. */
export interface DialectRules extends Meanings {
  readonly syntax: Syntax
}

const RULES: Record<Dialect, DialectRules> = { postgres, mysql, sqlite }

function compile(rules: DialectRules, functions?: FunctionNames): Lexicon {
  const calls = functions === undefined ? rules.calls : withFunctions(rules.calls, functions)
  return { syntax: rules.syntax, classes: classesOf(rules.syntax), vocabulary: new Vocabulary({ ...rules, calls }) }
}

/** The dialect's calls and one's own functions, which come first. */
function withFunctions(
  builtIn: Readonly<Record<string, CallRule>>,
  { write: writing = [], read: reading = [] }: FunctionNames,
): Record<string, CallRule> {
  const calls: Record<string, CallRule> = { ...builtIn }
  const add = (name: string, verdict: ReturnType<CallRule>): void => {
    const parts = name.toLowerCase().replaceAll(/["`]/g, '').split('.')
    const word = parts.pop()!
    const schema = parts.join('.')
    const otherwise = calls[word]
    calls[word] =
      schema === '' ? () => verdict : (scanner) => (scanner.qualifier() === schema ? verdict : otherwise?.(scanner))
  }
  for (const name of reading) add(name, undefined)
  for (const name of writing) add(name, write(`function:${name}`))
  return calls
}

const plain = new Map<Dialect, Lexicon>()
const custom = new WeakMap<FunctionNames, Map<Dialect, Lexicon>>()

/** The lexicon of a dialect and of one's own functions; each is compiled once. */
export function lexiconOf(dialect: Dialect, options?: ClassifyOptions): Lexicon {
  const functions = options?.functions
  let known = plain
  if (functions !== undefined) {
    known = custom.get(functions) ?? new Map<Dialect, Lexicon>()
    custom.set(functions, known)
  }
  let lexicon = known.get(dialect)
  if (lexicon === undefined) {
    const rules = RULES[dialect]
    if (rules === undefined)
      throw new TypeError(`Unknown dialect ${String(dialect)}; use 'postgres', 'mysql' or 'sqlite'`)
    lexicon = compile(rules, functions)
    known.set(dialect, lexicon)
  }
  return lexicon
}
