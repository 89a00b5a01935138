import type { Replication } from '@flyroute/core'
import {
  Catalogue,
  createClassifier,
  DatabaseReplication,
  factsOf,
  HeldConnections,
  memberTopology,
  problemNotices,
  withRole,
} from '@flyroute/core/adapter'
import type { DatabaseIntrospector, Dialect, DialectAdapter, Driver, Kysely, QueryCompiler } from 'kysely'
import { FlyrouteDriver } from './driver.ts'
import { languageOf } from './language.ts'
import type { FlyrouteDialectOptions, KyselyDatabase } from './options.ts'
import { DialectSource } from './replication.ts'

/**
 * A dialect of Kysely around any other one: what writes is not sent to a replica, reads wait until the replica is as
 * fresh as their request needs it, and positions are taken after what commits. Everything is classified as the SQL text that
 * Kysely has compiled, raw or built, so nothing can be forgotten.
 *
 * With one dialect, connected to the member of this region, a request that writes is replayed in the primary's region.
 * With two, what cannot be replayed runs on the primary from here (`runOnPrimary`). Where this region has no replica, give `primary`
 * alone: then requests that would go across several times are replayed as well.
 *
 * @throws TypeError for a dialect whose language is not known
 * @throws ConfigurationError that lists everything that is wrong in the environment
 * @example
 * const dialect = new FlyrouteDialect({
 *   primary: new PostgresDialect({ pool: new Pool({ connectionString: process.env.DATABASE_URL }) }),
 *   replica: new PostgresDialect({ pool: new Pool({ connectionString: process.env.DATABASE_REPLICA_URL }) }),
 * })
 * const db = new Kysely<Database>({ dialect })
 * app.use(replayMiddleware({ databases: [dialect] }))
 */
export class FlyrouteDialect implements Dialect {
  /** Where the data comes from; for the middlewares of `@flyroute/core`. */
  readonly replication: Replication
  readonly #local: Dialect
  readonly #makeDriver: () => Driver

  constructor(options: FlyrouteDialectOptions) {
    if (options.database !== undefined) {
      // Guarded below Kysely already.
      const { dialect, database } = options
      this.replication = database.replication
      this.#local = dialect
      this.#makeDriver = () => dialect.createDriver()
      return
    }
    const { env, region, primaryRegion, name, functions, outsideRequest, replayCostMs } = options
    const isPrimary = options.dialect === undefined && options.replica === undefined
    const where = { env, region, primaryRegion, source: 'the dialect', database: name, isPrimary }
    const { topology = memberTopology(where) } = options
    const isReplica = topology.role === 'replica' && !isPrimary
    const one = options.dialect ?? (isReplica && options.replica !== undefined ? options.replica : options.primary)
    const facts = factsOf(options.language ?? languageOf(one), {
      onProblem: (problem) => {
        if (problem === 'accepts-writes') replication.noticeOnce(problemNotices[problem])
      },
    })
    // One dialect is connected to whatever it is connected to; a file that is not replicated is written where it is.
    const isWritable = isPrimary || (facts.language === 'sqlite' && options.dialect !== undefined)
    const expected = withRole(topology, isWritable ? 'primary' : topology.role)
    const other = options.dialect === undefined && isReplica ? options.primary : undefined
    const source = new DialectSource(facts, expected.role)
    const replication: DatabaseReplication = new DatabaseReplication({
      name,
      topology: expected,
      source,
      outsideRequest,
      replayCostMs,
      reachesPrimary: other !== undefined,
    })
    const classifier = createClassifier({
      dialect: facts.language,
      ...(functions === undefined ? {} : { functions }),
    })
    const catalogue = new Catalogue(() => facts.writers((sql) => source.ask(sql)), facts.isAnswer)
    const held = new HeldConnections()
    const database: KyselyDatabase = { facts, replication, classifier, catalogue, source, held }
    this.replication = replication
    this.#local = one
    // Kysely 0.29's word; before, a driver itself made others wait.
    const isSingle =
      (one.createAdapter() as { supportsMultipleConnections?: boolean }).supportsMultipleConnections === false
    this.#makeDriver = () => new FlyrouteDriver(database, one.createDriver(), other?.createDriver(), isSingle)
  }

  createDriver(): Driver {
    return this.#makeDriver()
  }

  createQueryCompiler(): QueryCompiler {
    return this.#local.createQueryCompiler()
  }

  createAdapter(): DialectAdapter {
    return this.#local.createAdapter()
  }

  createIntrospector(db: Kysely<never>): DatabaseIntrospector {
    return this.#local.createIntrospector(db)
  }
}
