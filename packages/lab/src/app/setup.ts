import { spawn } from 'node:child_process'
import type { Workspace } from '../workspace.ts'
import { LastLines, type OutputLine, readLines } from './output.ts'

/** A command that runs once before the app, and where. */
export interface Setup {
  readonly command: readonly string[]
  readonly cwd: string
  readonly environment: Record<string, string>
  readonly app: string
  readonly region: string
  readonly output: (line: OutputLine) => void
  readonly workspace: Workspace
}

/** Runs a command to its end. @throws Error with its last lines where it fails */
export async function runSetup({ command, cwd, environment, app, region, output, workspace }: Setup): Promise<void> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  workspace.adopt(child)
  const lines = new LastLines()
  child.once('error', (error) => lines.add(error.message))
  readLines(child, (stream, text) => {
    lines.add(text)
    output({ app, region, machine: 'setup', stream, text })
  })
  await new Promise((resolve) => child.once('close', resolve))
  if (child.exitCode !== 0)
    throw new Error(`setup (${command.join(' ')}) ended with ${child.signalCode ?? child.exitCode}${lines.text}`)
}
