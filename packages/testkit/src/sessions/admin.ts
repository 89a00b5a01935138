import { inTime } from './patience.ts'
import type { SessionConnection, SessionSubject } from './subject.ts'

/** A server's administrator, on one connection of the bare driver. */
export class Admin {
  readonly #subject: SessionSubject
  #connection: SessionConnection | undefined

  constructor(subject: SessionSubject) {
    this.#subject = subject
  }

  /** Runs text, and returns one column of its rows. */
  async lines(text: string, column = 'line'): Promise<string[]> {
    this.#connection ??= await this.#subject.connect()
    const step = { kind: 'administration', text, form: 'text', values: [] } as const
    return linesOf(await inTime(this.#connection.run(step), text), column)
  }

  /** The first line. */
  async line(text: string): Promise<string> {
    const [line] = await this.lines(text)
    if (line === undefined) throw new Error(`No line came of ${text}`)
    return line
  }

  async end(): Promise<void> {
    await this.#connection?.release(true)
    await this.#subject.end()
  }
}

/** The administrators of both servers. */
export interface Admins {
  readonly primary: Admin
  readonly replica: Admin
}

/** A column of a result, however the driver hands its rows over. */
export function linesOf(result: unknown, column = 'line'): string[] {
  const lines: string[] = []
  JSON.stringify(result, (key, value: unknown) => {
    if (key === column && typeof value === 'string') lines.push(value)
    return value
  })
  return lines
}
