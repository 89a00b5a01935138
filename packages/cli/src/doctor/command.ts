import { parseArgs } from 'node:util'
import { type Terminal, UsageError } from '../terminal.ts'
import type { Check, Finding } from './check.ts'
import { flyChecks } from './checks/fly.ts'
import { serverChecks } from './checks/servers.ts'
import { settingsChecks } from './checks/settings.ts'
import { type DoctorOptions, type Facts, gatherFacts } from './facts.ts'

export const doctorHelp = `flyroute doctor [--region ams] [--json]

Looks at the environment, at fly.toml where there is one, and asks the servers: what is wrong, why, and what to do. On a Machine
(fly ssh console -C "npx flyroute doctor"), in a container before it is deployed, or in the lab. Takes ten seconds at most, writes
nothing anywhere, and prints no secret.

  --region ams   as if it ran there, where it does not run on Fly.io
  --json         for scripts: a list of { name, verdict, why, remedy, symptom }

Exit code: 1 where something is wrong (✗), else 0.
`

/** What came of one check. */
export interface Result {
  readonly name: string
  readonly verdict: 'ok' | Finding['verdict']
  readonly why: string
  readonly remedy?: string
  readonly symptom?: string
}

const marks: Readonly<Record<Result['verdict'], string>> = { ok: '✓', warn: '!', fail: '✗' }
/** All of them, in the order that they are told in. */
export const checks: readonly Check[] = [...settingsChecks, ...serverChecks, ...flyChecks]

/**
 * Looks for what is wrong, and prints it.
 *
 * @returns the exit code
 * @throws UsageError that lists what is wrong with the arguments
 */
export async function runDoctor(args: readonly string[], terminal: Terminal): Promise<number> {
  const { json, help, region } = parse(args)
  if (help) {
    terminal.print(doctorHelp)
    return 0
  }
  const results = await diagnose({ env: process.env, cwd: process.cwd(), region })
  terminal.print(json ? JSON.stringify(results, undefined, 2) : results.map(lineOf).join('\n'))
  return results.some(({ verdict }) => verdict === 'fail') ? 1 : 0
}

/** What comes of all checks that have something to look at. */
async function diagnose(options: DoctorOptions): Promise<Result[]> {
  const facts = await gatherFacts(options)
  return checks.flatMap((check) => resultOf(check, facts) ?? [])
}

function resultOf({ name, symptom, examine }: Check, facts: Facts): Result | undefined {
  const found = examine(facts)
  if (found === undefined) return undefined
  return typeof found === 'string' ? { name, verdict: 'ok', why: found } : { name, ...found, symptom }
}

function lineOf({ name, verdict, why, remedy, symptom }: Result): string {
  const line = `${marks[verdict]} ${name}: ${why}`
  return remedy === undefined ? line : `${line}\n    or else: ${symptom}\n    what to do: ${remedy}`
}

function parse(args: readonly string[]): { json: boolean; help: boolean; region: string | undefined } {
  const options = {
    json: { type: 'boolean' },
    region: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const
  try {
    const { values } = parseArgs({ args: [...args], options })
    return { json: values.json === true, help: values.help === true, region: values.region }
  } catch (error) {
    throw new UsageError(`flyroute doctor: ${(error as Error).message}`)
  }
}
