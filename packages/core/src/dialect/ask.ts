/**
 * Runs a text of ours on the connection that is meant, below every guard, and resolves with its rows: arrays, every value
 * as the text that the server wrote.
 */
export type Ask = (sql: string) => Promise<readonly (readonly (string | null)[])[]>

/** The same with rows by the names of their columns, for an answer whose columns differ from version to version. */
export type AskRows = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>
