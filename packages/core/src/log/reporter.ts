import { type LogLevel, logLevels } from '../env.ts'
import type { EventListener, FlyrouteEvent } from '../events.ts'
import { plainLine, type Remark, remarks } from './lines.ts'

/** One line of the log. */
export interface LogLine {
  readonly level: 'warn' | 'info' | 'debug'
  /** Without the name of this package ahead of it. */
  readonly message: string
  /** The event that it is about; those of the same name on `node:diagnostics_channel` have it in fields. */
  readonly event: FlyrouteEvent
}

/** What takes lines: pino's loggers do, and `console`. */
export interface Logger {
  warn(message: string): void
  info(message: string): void
  debug(message: string): void
}

/** Where lines go: a function, or a logger. */
export type Log = ((line: LogLine) => void) | Logger

/** How often (ms), at most, one thing is said. */
const leastMs = 60_000
/** More things to be said about than there can be. */
const mostSubjects = 200

/** What was last said about a subject, and what has come to be said since. */
interface Said {
  at: number
  state: string | undefined
  more: number
  next: Remark | undefined
}

/** Says what happens, in lines: what is wrong at most once a minute, and a state only when it is another one. */
export class Reporter {
  readonly #level: LogLevel
  readonly #said: Map<string, Said> = new Map()
  #held: LogLine[] | undefined = []
  #log: Log = standardError

  constructor(level: LogLevel) {
    this.#level = level
  }

  /** An event has happened. */
  readonly hears: EventListener = (event, message) => {
    const remark = (remarks[event] as ((message: object) => Remark | undefined) | undefined)?.(message)
    if (remark !== undefined && this.#tells(remark.level)) this.#remarks(event, message, remark)
    else if (this.#tells('debug')) this.#write({ level: 'debug', event, message: plainLine(event, message) })
  }

  /** From now on lines go there. What was held goes there as well. */
  writesTo(log: Log = this.#log): void {
    this.#log = log
    const held = this.#held ?? []
    this.#held = undefined
    for (const line of held) this.#write(line)
  }

  #tells(level: LogLine['level']): boolean {
    return logLevels.indexOf(level) <= logLevels.indexOf(this.#level)
  }

  #remarks(event: FlyrouteEvent, message: object, remark: Remark): void {
    const { database = '' } = message as { database?: string }
    const subject = `${database} ${remark.subject ?? event}`
    const said = this.#said.get(subject)
    if (said === undefined) {
      if (remark.isRelief) return
      if (this.#said.size >= mostSubjects) this.#said.clear()
      this.#say(event, subject, remark, 0)
    } else if (performance.now() - said.at >= leastMs && said.next === undefined) {
      if (remark.state === undefined || remark.state !== said.state) this.#say(event, subject, remark, 0)
    } else {
      said.more++
      if (said.next === undefined) this.#sayLater(event, subject, said)
      said.next = remark
    }
  }

  /** What comes within the minute is said at its end, once: the last of it. */
  #sayLater(event: FlyrouteEvent, subject: string, said: Said): void {
    const say = (): void => {
      const { next, state, more } = said
      said.next = undefined
      said.more = 0
      if (next === undefined || (next.state !== undefined && next.state === state)) return
      this.#say(event, subject, next, next.state === undefined ? more : 0)
    }
    setTimeout(say, leastMs - (performance.now() - said.at)).unref?.()
  }

  #say(event: FlyrouteEvent, subject: string, { level, text, state }: Remark, times: number): void {
    this.#said.set(subject, { at: performance.now(), state, more: 0, next: undefined })
    const message = times > 1 ? `${text} (${times} times in the last minute)` : text
    this.#write({ level, event, message })
  }

  #write(line: LogLine): void {
    if (this.#held !== undefined) return void this.#held.push(line)
    const log = this.#log
    try {
      if (typeof log === 'function') log(line)
      else log[line.level](`flyroute: ${line.message}`)
    } catch {
      // A logger that fails is no reason for a request to.
    }
  }
}

/** Always standard error, whatever the level: standard output is the app's. */
function standardError({ level, message }: LogLine): void {
  console.error(`flyroute: ${level === 'warn' ? 'warning: ' : ''}${message}`)
}
