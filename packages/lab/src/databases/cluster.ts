/** One database server of a cluster, running on 127.0.0.1 with one application database and an ordinary user who owns it. */
export interface DatabaseNode {
  /** Unique within the cluster, e.g. `postgres-1`, or what the options called it. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** Where an application connects: an ordinary user with a password, owner of the database `app`. */
  readonly url: string
  /** The same database as the server's administrator. */
  readonly adminUrl: string
  /** What the node was last told to be, by its start, `promote()` or `follow()`. */
  readonly role: 'primary' | 'replica'
  readonly isRunning: boolean
  /** Holds back what arrives from the primary until `resumeReplay()`. */
  pauseReplay(): Promise<void>
  resumeReplay(): Promise<void>
  /** Applies each transaction this long after its commit on the primary (milliseconds; 0 ends it). */
  setApplyDelay(milliseconds: number): Promise<void>
  /** Makes this replica the cluster's primary; resolves when it takes writes. The others go on following whom they followed. */
  promote(): Promise<void>
  /**
   * Replicates from `primary` from now on, started where it does not run. A former primary is built anew from a copy, as its own
   * history may have diverged.
   */
  follow(primary: DatabaseNode): Promise<void>
  /** SIGKILL to the server and all its processes, as if the machine had died. The data stay for `start()`. */
  kill(): Promise<void>
  /** Ends the server: `fast` disconnects the clients and shuts down cleanly (default), `immediate` recovers at the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** Starts a stopped or killed node on the same port; resolves when it answers queries. */
  start(): Promise<void>
  /** SIGSTOP to all its processes: connections are accepted by the system and get no answer. */
  pauseProcess(): void
  resumeProcess(): void
  /** Changes server settings for good (`null`: back to the default) and restarts the server where one needs that. */
  settings(values: Record<string, string | number | null>): Promise<void>
}

/** A primary and its replicas. */
export interface DatabaseCluster<Node extends DatabaseNode = DatabaseNode> extends AsyncDisposable {
  /** The node that was last made primary. */
  readonly primary: Node
  /** The nodes that replicate. */
  readonly replicas: readonly Node[]
  /** All nodes, dead ones too, in the order of their creation. */
  readonly nodes: readonly Node[]
  node(name: string): Node
  /** Adds a replica of the primary while it runs. */
  addReplica(name?: string): Promise<Node>
  /** Takes a replica away for good, as when its Machine is destroyed: connections to it break off, and nothing listens any more. */
  removeReplica(name: string): Promise<void>
  /**
   * Waits until every running replica has applied what the primary has committed so far.
   * @param timeoutMs default 10,000
   * @throws Error that names the replica and the positions, at the time-out
   */
  caughtUp(timeoutMs?: number): Promise<void>
  /** Lets commits wait for the named replicas (all of them), or for none. */
  setSynchronous(replicas: readonly string[] | 'none'): Promise<void>
  /** Kills all nodes and removes their data. */
  dispose(): Promise<void>
}

/** How a cluster is laid out; the same for every database. */
export interface ClusterOptions {
  /** Number of replicas, or their names. Default 0. */
  replicas?: number | readonly string[]
  /** Name of the first primary. */
  primary?: string
  /** Server settings of every node. */
  settings?: Record<string, string | number>
  /** Major version of the server, e.g. 19, from Debian's packages. Default: what npm installed (18). Postgres only. */
  version?: number
  /**
   * Folder in which the first primary's data and the passwords stay when the cluster has gone, for the next one. Made where it
   * is missing. Default: nothing stays. Postgres only.
   */
  data?: string
  /**
   * The port on 127.0.0.1 by which the node `from` reaches the node it replicates from. Default: that node's own port.
   * The lab puts an ocean in between.
   */
  route?: (from: string, to: DatabaseNode) => number | Promise<number>
}
