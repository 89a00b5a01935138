import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A line that an app printed. */
export interface OutputLine {
  readonly app: string
  readonly region: string
  /** `setup` for the command that runs before the app. */
  readonly machine: string
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

/** Reads the output of a child process line by line. */
export function readLines(child: ChildProcess, listener: (stream: OutputLine['stream'], text: string) => void): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    const input = child[stream]
    if (input) createInterface({ input }).on('line', (text) => listener(stream, text))
  }
}

/** The last lines of a process, for the message that says why it ended. */
export class LastLines {
  #lines: string[] = []

  add(text: string): void {
    this.#lines = [...this.#lines.slice(-19), text]
  }

  /** As the end of a sentence. */
  get text(): string {
    return this.#lines.length > 0 ? `:\n${this.#lines.join('\n')}` : ', and printed nothing.'
  }
}
