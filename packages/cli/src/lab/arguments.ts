import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { LabOptions } from '@flyroute/lab'
import { UsageError } from '../terminal.ts'

/** What the command line says. */
export interface LabArguments {
  readonly help: boolean
  readonly quiet: boolean
  readonly options: LabOptions
}

const known = {
  regions: { type: 'string' },
  primary: { type: 'string' },
  setup: { type: 'string' },
  database: { type: 'string' },
  replicas: { type: 'string' },
  'no-replica': { type: 'string' },
  machines: { type: 'string' },
  rtt: { type: 'string' },
  port: { type: 'string' },
  keep: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

type Name = keyof typeof known

/**
 * Reads the arguments of `flyroute lab`; what they mean is checked by the lab itself.
 * @throws UsageError that lists all that is wrong with them
 */
export function parseLabArguments(args: readonly string[], cwd: string): LabArguments {
  const end = args.indexOf('--')
  const command = end === -1 ? [] : args.slice(end + 1)
  const line = new CommandLine(end === -1 ? args : args.slice(0, end))
  const help = line.has('help')
  if (command.length === 0 && !help)
    line.problems.push('say how to start the app, as in: flyroute lab -- node server.js')
  const options = {
    regions: line.list('regions') ?? ['ord', 'ams', 'gru'],
    command,
    cwd,
    primaryRegion: line.text('primary'),
    setup: line.text('setup'),
    database: line.text('database'),
    replicas: line.list('replicas'),
    databases: line.withoutReplica('no-replica'),
    machinesPerRegion: line.number('machines'),
    rtt: line.roundTrips('rtt'),
    port: line.number('port'),
    keepData: line.has('keep') ? keptDataFolder(cwd) : undefined,
  }
  if (line.problems.length > 0) {
    const problems = line.problems.map((problem) => `- ${problem}`)
    throw new UsageError(`flyroute lab:\n${problems.join('\n')}\n\nSee flyroute help lab.`)
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { help, quiet: line.has('quiet'), options: Object.fromEntries(given) as unknown as LabOptions }
}

/** The options as they are written, and what is wrong with them. */
class CommandLine {
  readonly problems: string[] = []
  readonly #values: Record<string, unknown>

  constructor(args: readonly string[]) {
    const config = { args: [...args], options: known, strict: false, allowPositionals: true, tokens: true } as const
    const { values, positionals, tokens } = parseArgs(config)
    this.#values = values
    if (positionals.length > 0) {
      this.problems.push(`put the command after --, as in: flyroute lab -- ${positionals.join(' ')}`)
    }
    for (const token of tokens) {
      if (token.kind !== 'option') continue
      const type = Object.hasOwn(known, token.name) ? known[token.name as Name].type : undefined
      if (type === undefined) this.problems.push(`there is no option ${token.rawName}`)
      else if (type === 'string' && !token.value) this.problems.push(`${token.rawName} needs a value`)
      else if (type === 'boolean' && token.value !== undefined) this.problems.push(`${token.rawName} takes no value`)
    }
  }

  has(name: Name): boolean {
    return this.#values[name] === true
  }

  text(name: Name): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  list(name: Name): string[] | undefined {
    return this.text(name)
      ?.split(',')
      .map((part) => part.trim())
  }

  /** `gru,syd` */
  withoutReplica(name: Name): Record<string, 'none'> | undefined {
    const regions = this.list(name)
    return regions && Object.fromEntries(regions.map((region) => [region, 'none']))
  }

  number(name: Name): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!/^\d+$/.test(value)) this.problems.push(`--${name} is a whole number, not ${value}`)
    return Number(value)
  }

  /** `ord-ams=95,ord-gru=130` */
  roundTrips(name: Name): Record<string, number> | undefined {
    const pairs = this.list(name)?.map((text): [string, number] => {
      const [, pair, milliseconds] = /^(\w+-\w+)=(\d+(?:\.\d+)?)$/.exec(text) ?? []
      if (pair === undefined) this.problems.push(`--${name} is written ord-ams=95, in milliseconds, not ${text}`)
      return [pair ?? '', Number(milliseconds)]
    })
    return pairs && Object.fromEntries(pairs)
  }
}

/** One for each folder in which the command is run, outside of the project. */
function keptDataFolder(cwd: string): string {
  const name = createHash('sha256').update(cwd).digest('hex').slice(0, 12)
  const root = process.getuid?.() === 0 ? '/var/lib/flyroute' : join(homedir(), '.local', 'share', 'flyroute')
  return join(root, 'lab', name)
}
