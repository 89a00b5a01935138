/** Where a command prints, and how it learns that it shall end. */
export interface Terminal {
  print(text: string): void
  complain(text: string): void
  /** Resolves when the user has had enough: Ctrl-C, or SIGTERM. */
  ended(): Promise<void>
}

/** The command was called wrongly; the message says how to do it. */
export class UsageError extends Error {}

/** This process's own terminal. */
export const processTerminal: Terminal = {
  print: (text) => console.log(text),
  complain: (text) => console.error(text),
  ended: async () =>
    new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
    }),
}
