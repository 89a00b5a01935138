import { type Lab, startLab } from '@flyroute/lab'
import type { Terminal } from '../terminal.ts'
import { parseLabArguments } from './arguments.ts'
import { labHelp } from './help.ts'
import { outputLine, requestLine } from './lines.ts'

/** `flyroute lab`: starts a lab, prints each request as one line, and ends with Ctrl-C. */
export async function runLab(args: readonly string[], terminal: Terminal): Promise<number> {
  const { help, quiet, options } = parseLabArguments(args, process.cwd())
  if (help) {
    terminal.print(labHelp)
    return 0
  }
  terminal.print(`Starting ${options.regions.length} regions …`)
  const ended = terminal.ended().then(() => 'ended' as const)
  const starting = startLab({ ...options, output: (line) => quiet || terminal.print(outputLine(line)) })
  const lab = await Promise.race([starting, ended])
  // Who has had enough while it starts need not wait: all of it dies with this process.
  if (lab === 'ended') process.exit(0)
  try {
    terminal.print(welcome(lab, options.database ?? 'postgres'))
    lab.journal.onEntry((entry) => terminal.print(requestLine(entry)))
    await ended
  } finally {
    await lab.dispose()
  }
  return 0
}

function welcome(lab: Lab, database: string): string {
  const lines = lab.regions.map((region) => {
    const { primaryRegion } = lab
    const distance =
      region === primaryRegion ? '' : `, ${lab.roundTrip(primaryRegion, region)} ms from ${primaryRegion}`
    return `  ${region}  ${lab.url(region)}  ${database === 'none' ? 'app' : roleOf(lab, region)}${distance}`
  })
  const primary =
    database === 'none' ? [] : ['', `The primary, as its administrator: ${lab.databases.primary.adminUrl}`]
  return ['', ...lines, ...primary, '', 'Each request is one line here. Ctrl-C ends it all.', ''].join('\n')
}

function roleOf(lab: Lab, region: string): string {
  return lab.databases.nodes.find((node) => node.name === region)?.role ?? 'no database'
}
