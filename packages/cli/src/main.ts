import { text } from 'node:stream/consumers'
import { adviseHelp, runAdvise } from './advise/command.ts'
import { doctorHelp, runDoctor } from './doctor/command.ts'
import { explainHelp, runExplain } from './explain/command.ts'
import { runLab } from './lab/command.ts'
import { labHelp } from './lab/help.ts'
import { type Terminal, UsageError } from './terminal.ts'

const help = `flyroute: multi-region databases on Fly.io

  flyroute lab --regions ord,ams,gru -- node server.js    Fly.io on this machine: see your app in its regions
  flyroute explain "select … for update"                  is it a read or a write, and why
  flyroute doctor                                         what is wrong with the settings, the servers and fly.toml
  flyroute advise --regions ams,gru -- node server.js     is your app made for these regions, and what keeps it back
  flyroute help lab | explain | doctor | advise           all of their options
`

const helpOf: Readonly<Record<string, string>> = {
  lab: labHelp,
  explain: explainHelp,
  doctor: doctorHelp,
  advise: adviseHelp,
}

/**
 * Runs the command `flyroute`.
 * @param args what follows the command's name
 * @returns the exit code: 0 done, 1 failed, 2 called wrongly
 */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [command, ...rest] = args
  try {
    switch (command) {
      case 'lab':
        return await runLab(rest, terminal)
      case 'explain':
        return await runExplain(rest, terminal, () => text(process.stdin))
      case 'doctor':
        return await runDoctor(rest, terminal)
      case 'advise':
        return await runAdvise(rest, terminal)
      case undefined:
      case 'help':
      case '--help':
      case '-h':
        terminal.print(helpOf[rest[0] ?? ''] ?? help)
        return 0
      default:
        throw new UsageError(`There is no command ${JSON.stringify(command)}.\n\n${help}`)
    }
  } catch (error) {
    terminal.complain(error instanceof Error ? error.message : String(error))
    return error instanceof UsageError || error instanceof TypeError ? 2 : 1
  }
}
