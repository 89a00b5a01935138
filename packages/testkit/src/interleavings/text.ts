import type { What } from './program.ts'

/** Which run of a program: as it came to a replica's region, and as it was replayed in the primary's. */
export type Run = 1 | 2

/** A statement of a program as it comes over a wire. */
export interface Sent {
  readonly run: Run
  readonly id: string
  readonly what: What | 'begin' | 'commit' | 'rollback' | 'set'
}

const words = {
  read: (): string => 'select 1',
  write: (id: string): string => `insert into note values ('${id}')`,
  call: (id: string): string => `select touch('${id}')`,
  begin: (): string => 'begin',
  commit: (): string => 'commit',
  rollback: (): string => 'rollback',
  set: (): string => 'set statement_timeout = 1000',
} as const

/** The text of a statement, with a comment that tells whose it is. */
export function textOf(what: Sent['what'], run: Run, id: string): string {
  return `${words[what](id)} /*${run}.${id}.${what}*/`
}

/** What a text is; undefined for one that is not of a program: a question of flyroute's own. */
export function readText(text: string): Sent | undefined {
  const found = /\/\*([12])\.(\w+)\.(\w+)\*\/$/.exec(text)
  if (found === null) return undefined
  return { run: Number(found[1]) as Run, id: found[2] as string, what: found[3] as Sent['what'] }
}
