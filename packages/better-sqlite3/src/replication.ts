import { type FSWatcher, watch } from 'node:fs'
import type { ReplayTarget, Topology } from '@flyroute/core'
import {
  type DatabaseReplication,
  type Observation,
  type Position,
  type ReplicationSource,
  type Role,
  txid,
} from '@flyroute/core/adapter'
import type { LitefsMount } from './mount.ts'

/** LiteFS has an id for its clusters, and does not show it in the mount. */
const cluster = 'litefs'

/**
 * How often (ms) the role is looked at where nobody asks: FUSE need not tell the system of what comes from another machine,
 * so a watch may miss it.
 */
const lookMs = 1_000

/** For how long (ms) a node that could not write, and names no primary, is taken for one that has lost it. */
const lostMs = 1_000

/** What the files in LiteFS's mount say: all of it synchronously, in some microseconds. */
export class LitefsSource implements ReplicationSource {
  readonly algebra: typeof txid = txid
  readonly #mount: LitefsMount
  readonly #topology: Topology
  readonly #isCandidate: boolean
  #host: string | undefined
  #lostUntil = 0
  #at = ''
  /** Counts how often the position went back, as it does where a failover has lost transactions. */
  #run = 0
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(mount: LitefsMount, topology: Topology, isCandidate: boolean) {
    this.#mount = mount
    this.#topology = topology
    this.#isCandidate = isCandidate
  }

  /**
   * What this node is now. Where a primary is named, it is another one. Where none is, a node that may be the primary is
   * taken for it, until SQLite says otherwise.
   *
   * @throws the file system's error, other than that there is no `.primary`
   */
  role(): Role {
    this.#host = this.#mount.primaryHost()
    if (this.#host !== undefined) return 'replica'
    return this.#isCandidate && Date.now() >= this.#lostUntil ? 'primary' : 'replica'
  }

  /** SQLite could not write here, whatever the files say. */
  refused(): void {
    this.#lostUntil = Date.now() + lostMs
  }

  /** The last transaction that is here. */
  position(): Position {
    return { cluster, epoch: 0, at: this.#mount.txid(), time: Date.now() }
  }

  look(): Observation {
    const role = this.role()
    const at = this.#mount.txid()
    if (at < this.#at) this.#run++
    this.#at = at
    return {
      instance: `${this.#mount.dir}#${this.#run}`,
      role,
      cluster,
      epoch: 0,
      at,
      lagSeconds: role === 'primary' ? 0 : this.#mount.lagSeconds(),
    }
  }

  observe(): Promise<Observation> {
    return new Promise((resolve) => resolve(this.look()))
  }

  /** The primary's machine: on Fly.io a host is called by its machine's id, perhaps with a domain behind it. */
  target(): ReplayTarget | undefined {
    const machine = this.#host?.split('.')[0]
    if (machine !== undefined && /^[\w-]+$/.test(machine)) return { instance: machine }
    // The primary's own region knows nothing better than this node does.
    return this.#topology.inPrimaryRegion ? {} : undefined
  }

  /** Follows the role from now on. */
  follow(replication: DatabaseReplication): void {
    const look = (): void => {
      // What cannot be read now is an error of whoever asks next.
      replication.observe().catch(() => undefined)
    }
    look()
    try {
      this.#watcher = watch(this.#mount.dir, { persistent: false }, (_, file) => {
        if (file === '.primary') look()
      })
      this.#watcher.on('error', () => this.#watcher?.close())
    } catch {
      // Not every file system can be watched: the timer remains.
    }
    this.#timer = setInterval(look, lookMs)
    this.#timer.unref()
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    this.#watcher?.close()
  }
}

/** A database that nobody replicates: the primary, without positions. */
export const singleSource: ReplicationSource = {
  algebra: txid,
  observe: async () => ({ instance: 'file', role: 'primary', cluster: '', epoch: 0, at: undefined }),
  end: async () => undefined,
}
