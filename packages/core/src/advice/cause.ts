import type { Analysis } from '../classify/types.ts'

/** A statement that writes rows, at the very beginning of a text: what follows its words is a name, and no value. */
const writing =
  /^(?:\s+|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:insert\s+(?:ignore\s+)?into|replace\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?((?:["`]?\w+["`]?\.)?["`]?\w+["`]?)/i
const ofRows: ReadonlySet<string> = new Set(['insert', 'replace', 'update', 'delete', 'merge'])

/** Why a text needs the primary: its reason and the table that it writes, or the function that it calls. No value is in it. */
export function causeOf({ access, reason, calls }: Analysis, text: string): string {
  if (access !== 'write') return calls === undefined ? reason : `function:${calls[0]}`
  const table = ofRows.has(reason) ? writing.exec(text)?.[1] : undefined
  return table === undefined ? reason : `${reason} ${table.replace(/["`]/g, '')}`
}
