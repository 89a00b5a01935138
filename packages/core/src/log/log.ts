import { logLevels, readLogLevel } from '../env.ts'
import { tellLog } from '../events.ts'
import { type Log, Reporter } from './reporter.ts'

/** For so long (ms) after the first database the lines are held for a middleware, which may have another place for them. */
const holdMs = 1_000

let reporter: Reporter | undefined
let hasBegun = false

/**
 * Begins to say what happens, as the environment says: on Fly, or where `FLYROUTE_LOG` is set. Done once, with the first database.
 *
 * @returns whether anything is said
 */
export function beginLog(): boolean {
  if (hasBegun) return reporter !== undefined
  hasBegun = true
  const { level, isUnknown } = readLogLevel()
  if (level === 'off') return false
  const made = new Reporter(level)
  reporter = made
  tellLog(made.hears)
  const letGo = (): void => {
    process.off('exit', letGo)
    made.writesTo()
  }
  setTimeout(letGo, holdMs).unref?.()
  // What ends sooner, as a command does, has said it all the same.
  process.once('exit', letGo)
  if (isUnknown) {
    const message = `FLYROUTE_LOG is none of ${logLevels.join(', ')}: ${level} is used`
    made.hears('notice', { database: '', message })
  }
  return true
}

/**
 * A middleware was made: lines go where it says, or on to standard error.
 *
 * @returns whether anything is said
 */
export function logTo(log: Log | undefined): boolean {
  const isOn = beginLog()
  reporter?.writesTo(log)
  return isOn
}
