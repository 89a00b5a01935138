import { mysql } from './mysql/index.ts'
import { postgres } from './postgres/index.ts'
import { type CallRule, type DialectRules, type Lexicon, write } from './rules.ts'
import { sqlite } from './sqlite/index.ts'
import { classesOf } from './syntax.ts'
import type { Dialect, FunctionNames } from './types.ts'
import { Vocabulary } from './words.ts'

const RULES: Record<Dialect, DialectRules> = { postgres, mysql, sqlite }

/** The dialect's calls and one's own functions, which come first. */
function withFunctions(
  builtIn: Readonly<Record<string, CallRule>>,
  { write: writing = [], read: reading = [] }: FunctionNames,
): Record<string, CallRule> {
  // Without a prototype: a function may be called `constructor`.
  const calls: Record<string, CallRule> = Object.assign(Object.create(null), builtIn)
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

/** The lexicon of a dialect and of one's own functions. */
export function lexiconOf(dialect: Dialect, functions?: FunctionNames): Lexicon {
  const rules = RULES[dialect]
  if (rules === undefined)
    throw new TypeError(`Unknown dialect ${String(dialect)}; use 'postgres', 'mysql' or 'sqlite'`)
  const calls = functions === undefined ? rules.calls : withFunctions(rules.calls, functions)
  return { syntax: rules.syntax, classes: classesOf(rules.syntax), vocabulary: new Vocabulary({ ...rules, calls }) }
}
