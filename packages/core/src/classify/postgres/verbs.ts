const MAIN = ['select', 'insert', 'update', 'delete', 'merge', 'values', 'table']

/** What CTEs stand in front of; not another WITH. */
export const BEHIND_CTES: ReadonlySet<string> = new Set(MAIN)

/** What may be prepared, copied, explained or read by a cursor. */
export const DML: ReadonlySet<string> = new Set([...MAIN, 'with'])

/** What a Boolean setting takes for off; a beginning that only this word has will do. */
export const OFF: ReadonlySet<string> = new Set(['off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0'])
