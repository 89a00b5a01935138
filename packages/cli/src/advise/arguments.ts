import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isKnownRegion } from '@flyroute/core/adapter'
import { UsageError } from '../terminal.ts'

/** What the command line says. */
export interface AdviseArguments {
  readonly help: boolean
  readonly json: boolean
  readonly regions: readonly string[]
  readonly primary: string | undefined
  /** The folder, or the file, of what was counted. */
  readonly path: string
  /** The app to start; empty where it runs already, or has run. */
  readonly command: readonly string[]
}

const options = {
  regions: { type: 'string' },
  primary: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** @throws UsageError that lists all that is wrong with them */
export function parseAdviseArguments(args: readonly string[]): AdviseArguments {
  const end = args.indexOf('--')
  const command = end === -1 ? [] : args.slice(end + 1)
  const { values, positionals } = parsed(end === -1 ? args : args.slice(0, end))
  const regions = values.regions === undefined ? [] : values.regions.split(',').map((region) => region.trim())
  const problems = [...regions, ...(values.primary === undefined ? [] : [values.primary])]
    .filter((region) => !isKnownRegion(region))
    .map((region) => `${JSON.stringify(region)} is no region of Fly.io`)
  if (positionals.length > 1) problems.push('name one folder, or one file')
  if (end !== -1 && command.length === 0) problems.push('say how to start the app after --')
  if (command.length > 0 && positionals.length > 0) problems.push('name a folder, or start the app: not both')
  if (problems.length > 0)
    throw new UsageError(`flyroute advise:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
  const { json = false, help = false, primary } = values
  return { json, help, regions, primary, command, path: positionals[0] ?? folderSet() ?? defaultFolder() }
}

/** The folder that `FLYROUTE_ADVISE` names; undefined where it only says yes, or nothing. */
export function folderSet(): string | undefined {
  const given = process.env['FLYROUTE_ADVISE']?.trim() ?? ''
  return /^(|0|1|on|off|true|false|yes|no)$/i.test(given) ? undefined : given
}

/** Where a process writes that is only told to count. */
function defaultFolder(): string {
  return join(tmpdir(), 'flyroute-advise')
}

function parsed(args: readonly string[]): {
  values: { regions?: string; primary?: string; json?: boolean; help?: boolean }
  positionals: string[]
} {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(`flyroute advise: ${(error as Error).message}`)
  }
}
