import type { Classifier } from '../classify/classifier.ts'
import type { GuardedDatabase } from '../connection/guard.ts'
import { Catalogue } from '../dialect/catalogue.ts'
import type { DialectFacts, DialectFactsOptions, ServerProblem } from '../dialect/facts.ts'
import type { DatabaseContext } from '../identity/databases.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import { HeldConnections } from '../request/held.ts'
import type { Topology } from '../topology/topology.ts'
import type { ResolvedOptions } from './options.ts'
import { type AskedConnection, OwnConnection } from './own-connection.ts'
import { Watchdog } from './watchdog.ts'

/**
 * Bounds of the pool of `runOnPrimary`, unless the app has its own: an ocean away, and never what an app hangs on. How many
 * connections, how long (ms) is waited for one, how long one is kept that is idle, and how long a statement may take.
 */
export const primaryBounds = { connections: 5, connectMs: 5_000, idleMs: 10_000, answerMs: 30_000 } as const

/** How long (ms) a connection to a replica, or across an ocean, may take, unless the app says: no request waits for ever. */
export const boundedConnectMs = 5_000

/** What is said once of a server's problem. */
export const problemNotices: Readonly<Record<ServerProblem, string>> = {
  'no-gtids':
    'the server has no global transaction ids: who has written reads from the primary for a while instead of the local server; switch them on (gtid_mode = ON, or log_bin on MariaDB)',
  'accepts-writes':
    'the replica would accept writes of this user and no other server would ever have them: statements that may write go to the primary; connect as a user without SUPER, CONNECTION_ADMIN or READ ONLY ADMIN, or set super_read_only',
  modest: 'the server does not say where it stands: who has written reads from the primary for a while',
}

/** The bounded pool to the primary, as far as it is the same for all drivers. */
export interface PrimaryPool {
  end(): Promise<unknown>
}

/** Which of the two servers a connection leads to. */
export type Member = 'local' | 'primary'

/** One database with one configuration: what its pools and connections share, and what ends with the last of them. */
export abstract class DriverDatabase<Primary extends PrimaryPool> implements GuardedDatabase {
  readonly replication: DatabaseReplication
  readonly classifier: Classifier
  readonly facts: DialectFacts
  readonly catalogue: Catalogue
  readonly held: HeldConnections = new HeldConnections()
  /** Watches what waits for the local server. */
  readonly watchdog: Watchdog
  /** A server of one's own plays the replica. */
  readonly simulated: boolean
  readonly poolsTransactions: boolean
  protected readonly topology: Topology
  readonly #context: DatabaseContext<this>
  readonly #users: Set<object> = new Set()
  #own: OwnConnection
  #primary: Primary | undefined

  constructor(
    { topology, simulated, settings }: ResolvedOptions<object>,
    context: DatabaseContext<DriverDatabase<Primary>>,
    factsOf: (options: DialectFactsOptions) => DialectFacts,
  ) {
    const { replication, source, classifier } = context
    this.#context = context
    this.replication = replication
    this.classifier = classifier
    this.topology = topology
    this.simulated = simulated
    this.poolsTransactions = settings.pooler === 'transaction'
    this.watchdog = new Watchdog(replication.prober)
    this.facts = factsOf({
      simulated,
      onProblem(problem, cause) {
        replication.noticeOnce(problemNotices[problem])
        if (problem !== 'accepts-writes') replication.written.withoutPosition(cause)
      },
    })
    this.catalogue = new Catalogue(() => {
      // All questions go to this connection. After the last user has left, its successor is in place, which has no user to end it.
      const own = this.#own
      return this.facts.writers((sql) => own.ask(sql))
    }, this.facts.isAnswer)
    this.#own = this.#openOwn()
    source.offer(this.#own)
  }

  /** The bounded pool to the primary, opened now if it was not. */
  get primary(): Primary {
    this.#primary ??= this.openPrimary()
    return this.#primary
  }

  /** A pool, or a connection by itself, shares it from now on. */
  use(user: object): void {
    this.#users.add(user)
    this.#context.source.add(this.#own)
  }

  /** It does not any more: with the last one, what is shared ends. */
  async leave(user: object): Promise<void> {
    if (!this.#users.delete(user) || this.#users.size > 0) return
    const [own, primary] = [this.#own, this.#primary]
    this.#own = this.#openOwn()
    this.#primary = undefined
    this.watchdog.end()
    // These connections do not keep a process alive, but their orderly end has to.
    const alive = setInterval(() => undefined, 1_000)
    const asked = this.#context.source.remove(own, this.#own)
    await Promise.all([asked, primary?.end(), this.#context.forgotten(this)]).finally(() => clearInterval(alive))
  }

  /**
   * Opens a connection of the driver's for our own questions.
   *
   * @param lost to be called when it has ended without being asked to
   */
  protected abstract connect(member: Member, lost: () => void): Promise<AskedConnection>

  protected abstract openPrimary(): Primary

  #openOwn(): OwnConnection {
    const { facts, topology, replication } = this
    const open = (member: Member) => (lost: () => void) => this.connect(member, lost)
    return new OwnConnection({
      facts,
      expected: topology.role,
      open: open('local'),
      lost: () => replication.prober.connectionLost(),
      primary:
        topology.role === 'replica'
          ? new OwnConnection({ facts, expected: 'primary', open: open('primary') })
          : undefined,
    })
  }
}
