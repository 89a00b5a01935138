/** What can be set of one node while it runs. */
export interface NodeSettings {
  /** What `.primary` calls it. */
  readonly host: string
  /** How long (ms) after its commit a transaction arrives. */
  readonly lagMs: number
  /** Nothing arrives. */
  readonly isPaused: boolean
}

/** What the cluster asks of its server. */
export type Command =
  | { do: 'mount'; databases: readonly string[]; nodes: Record<string, NodeSettings & { readonly dir: string }> }
  | { do: 'elect'; name: string | undefined }
  | { do: 'settings'; name: string; settings: Partial<NodeSettings> }
  | { do: 'positions' }
  | { do: 'query'; name: string; sql: string }
