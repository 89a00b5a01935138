import { parseArgs } from 'node:util'
import { type Dialect, explainClassification } from '@flyroute/core'
import { type Terminal, UsageError } from '../terminal.ts'

const dialects = ['postgres', 'mysql', 'sqlite'] as const

export const explainHelp = `flyroute explain "<sql>" [--dialect postgres|mysql|sqlite]

Says whether flyroute takes a text for a read or a write, which word decided, and where it stands.
Without a text it reads one from standard input.
`

/**
 * Prints how a text is classified, and why.
 *
 * @returns the exit code
 * @throws UsageError that lists all that is wrong with the arguments
 */
export async function runExplain(
  args: readonly string[],
  terminal: Terminal,
  input: () => Promise<string>,
): Promise<number> {
  const { dialect, texts, help } = parse(args)
  if (help) {
    terminal.print(explainHelp)
    return 0
  }
  const sql = texts.length > 0 ? texts.join(' ') : await input()
  const explanation = explainClassification(sql, dialect)
  terminal.print(`${explanation.access} (${explanation.reason})`)
  for (const statement of explanation.statements) {
    const { line, column, access, reason, words } = statement
    terminal.print(`  line ${line}, column ${column}: ${access} (${reason}) at ${words.join(' ')}`)
  }
  return 0
}

function parse(args: readonly string[]): { dialect: Dialect; texts: string[]; help: boolean } {
  const problems: string[] = []
  const options = { dialect: { type: 'string', default: 'postgres' }, help: { type: 'boolean', short: 'h' } } as const
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(options, token.name))
      problems.push(`there is no option ${token.rawName}`)
  }
  const dialect = dialects.find((known) => known === values.dialect)
  if (dialect === undefined) problems.push(`--dialect is one of ${dialects.join(', ')}`)
  if (problems.length > 0)
    throw new UsageError(`flyroute explain:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
  return { dialect: dialect as Dialect, texts: positionals, help: values.help === true }
}
