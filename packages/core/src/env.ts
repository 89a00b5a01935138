/** Environment variables: `process.env`, or an object that looks like it. */
export type Environment = Readonly<Record<string, string | undefined>>
