import type { ReplayTarget, Topology } from '@flyroute/core'
import {
  type DatabaseReplication,
  noTransaction,
  type Observation,
  type Position,
  type ReplicationSource,
  type Role,
  txid,
} from '@flyroute/core/adapter'
import { contains } from './location.ts'
import type { LitefsMount } from './mount.ts'
import { follow } from './watch.ts'

/** LiteFS has an id for its clusters, and does not show it in the mount. */
const cluster = 'litefs'

/** For how long (ms) a node that could not write, and names no primary, is taken for one that has lost it. */
const lostMs = 1_000

/** What the files in LiteFS's mount say: all of it synchronously, in some microseconds. */
export class LitefsSource implements ReplicationSource {
  readonly algebra: typeof txid = txid
  readonly #mount: LitefsMount
  readonly #topology: Topology
  readonly #isCandidate: boolean
  readonly #holdsHaltLock: boolean
  #host: string | undefined
  #lostUntil = 0
  #at: string | undefined
  /** Counts how often the position went back, as it does where a failover has lost transactions. */
  #run = 0
  #unfollow: (() => void) | undefined
  /** A database that the app forgets to close is not kept by this. */
  #replication: WeakRef<DatabaseReplication> | undefined

  constructor(mount: LitefsMount, topology: Topology, isCandidate: boolean) {
    this.#mount = mount
    this.#topology = topology
    this.#isCandidate = isCandidate
    this.#holdsHaltLock = mount.holdsHaltLock
  }

  /** SQLite could not write here, whatever the files say. */
  refused(): void {
    this.#lostUntil = Date.now() + lostMs
  }

  /** The last transaction that is here. */
  position(): Position {
    return { cluster, epoch: 0, at: this.#mount.txid() ?? noTransaction, time: Date.now() }
  }

  /** Whether a file is in LiteFS's mount. */
  isReplicated(file: string): boolean {
    return file !== '' && contains(this.#mount.dir, file)
  }

  /** @throws ConfigurationError where LiteFS's files cannot be read, or are none of LiteFS */
  probeSync(): Observation {
    this.#host = this.#mount.primaryHost()
    const seen = this.#mount.txid()
    const role = this.#role(seen)
    const at = seen ?? this.#at ?? noTransaction
    if (this.#at !== undefined && at < this.#at) {
      this.#run++
      // What was known of the run before holds no longer.
      this.#replication?.deref()?.prober.connectionLost()
    }
    this.#at = seen ?? this.#at
    return {
      instance: `${this.#mount.dir}#${this.#run}`,
      role,
      cluster,
      epoch: 0,
      at,
      lagSeconds: role === 'primary' ? 0 : this.#mount.lagSeconds(),
    }
  }

  /**
   * What this node is. Where a primary is named, it is another one, and a file that names no host says as much: on the primary
   * there is none. Without the file, a node that may be the primary is taken for it, until SQLite says otherwise, or the
   * database's position is gone from a mount where it was: then LiteFS is.
   */
  #role(seen: string | undefined): Role {
    if (this.#holdsHaltLock) return 'primary'
    if (this.#host !== undefined || !this.#isCandidate) return 'replica'
    const isGone = seen === undefined && this.#at !== undefined
    return isGone || Date.now() < this.#lostUntil ? 'replica' : 'primary'
  }

  probe(): Promise<Observation> {
    return new Promise((resolve) => resolve(this.probeSync()))
  }

  /** The primary's machine: on Fly.io a host is called by its machine's id, perhaps with a domain after it. */
  target(): ReplayTarget | undefined {
    const { primaryRegion, inPrimaryRegion, machineId } = this.#topology
    const name = this.#host?.split('.')[0] ?? ''
    const pattern = machineId === undefined ? /^[A-Za-z0-9][A-Za-z0-9-]{0,127}$/ : /^[0-9a-f]{8,64}$/
    if (pattern.test(name)) return { instance: name }
    if (name !== '') {
      this.#replication
        ?.deref()
        ?.noticeOnce(
          'LiteFS calls its primary by a name that is no Machine id, so requests are replayed to the primary region; leave lease.hostname of litefs.yml unset',
        )
      return primaryRegion === undefined ? {} : { region: primaryRegion }
    }
    // The primary's own region knows nothing better than this node does.
    return inPrimaryRegion ? {} : undefined
  }

  /** Follows the role from now on. */
  follow(replication: DatabaseReplication): void {
    const followed = new WeakRef(replication)
    this.#replication = followed
    const look = (): void => {
      const still = followed.deref()
      if (still === undefined) unfollow()
      // What cannot be read now is an error of what asks next.
      else still.prober.probe().catch(() => undefined)
    }
    const unfollow = follow(this.#mount.dir, look)
    this.#unfollow = unfollow
    look()
  }

  async end(): Promise<void> {
    this.#unfollow?.()
  }
}

/** A database that nothing replicates: the primary, without positions. */
export const singleSource: ReplicationSource = {
  algebra: txid,
  probe: async () => ({ instance: 'file', role: 'primary', cluster: '', epoch: 0, at: undefined }),
  end: async () => undefined,
}
