import type { Classifier, ClassifierOptions } from '../classify/classifier.ts'
import { createClassifier } from '../classify/classifier.ts'
import type { Endpoint } from '../endpoint.ts'
import { parametersOf } from '../endpoint-url.ts'
import { DatabaseReplication, type DatabaseReplicationOptions } from '../replication/database.ts'
import { Written } from '../replication/written.ts'
import type { Topology } from '../topology/topology.ts'
import { Fingerprints } from './fingerprint.ts'
import { Registry } from './registry.ts'
import { SharedSource, type SharedSourceOptions } from './shared-source.ts'

/** Options of flyroute's own that say what a database is to this process. */
export interface DatabaseSettings extends Pick<DatabaseReplicationOptions, 'name' | 'outsideRequest' | 'replayCostMs'> {
  readonly functions: ClassifierOptions['functions'] | undefined
  readonly simulate?: 'replica' | undefined
  readonly pooler?: 'session' | 'transaction' | undefined
}

/** A client's full configuration. */
export interface ResolvedDatabase {
  readonly topology: Topology
  readonly settings: DatabaseSettings
  /** The driver's own options, all of them, as the client was given them. */
  readonly driverOptions: object
  /** What the pool to the primary is made with beside. */
  readonly primaryPool: unknown
}

/** What a database has from outside: what is known of its server, and what is to be done when no client uses it any more. */
export interface DatabaseContext<Database> {
  readonly replication: DatabaseReplication
  readonly source: SharedSource
  readonly classifier: Classifier
  forgotten(database: Database): Promise<void>
}

/** What differs between drivers. */
export interface DatabaseKind<Resolved extends ResolvedDatabase, Database> {
  readonly dialect: ClassifierOptions['dialect']
  readonly source: SharedSourceOptions
  open(resolved: Resolved, context: DatabaseContext<Database>): Database
}

interface SharedServer {
  readonly replication: DatabaseReplication
  readonly source: SharedSource
}

/** By these a pooler, or a serverless database, is told in the parameter `options` which database is meant. */
const routingOption = /\b(endpoint|project|reference)=[^\s&]+/i

/**
 * All that one driver object has opened. What is opened for a client is shared with those whose full configuration is the
 * same, and with no others; what is known of a server, with those that log in there as the same user. Neither is kept when
 * no client uses it.
 */
export class Databases<Resolved extends ResolvedDatabase, Database extends object> {
  readonly #kind: DatabaseKind<Resolved, Database>
  readonly #fingerprints: Fingerprints = new Fingerprints()
  readonly #databases: Registry<Database> = new Registry()
  readonly #servers: Registry<SharedServer> = new Registry()
  /** By database: a token covers what any login of this process has written. */
  readonly #written: Registry<Written> = new Registry()
  readonly #classifiers: Registry<Classifier> = new Registry()
  /** What a driver's own `replication` is of. It alone is kept. */
  #first: Database | undefined

  constructor(kind: DatabaseKind<Resolved, Database>) {
    this.#kind = kind
  }

  /** The database that was opened first, or else the one that is opened now. */
  first(resolve: () => Resolved): Database {
    return this.#first ?? this.open(resolve())
  }

  /** What a client with this configuration shares with others. */
  open(resolved: Resolved): Database {
    const { topology, settings, driverOptions, primaryPool } = resolved
    const { functions } = settings
    const server = this.#serverKeyOf(resolved)
    const secrets = [topology.primary, topology.local].map(({ url, password }) => [url, password])
    const key = this.#fingerprints.of([server, secrets, driverOptions, primaryPool, functions])
    const database = this.#databases.get(key, () => {
      const classifier = this.#classifiers.get(this.#fingerprints.of(functions), () => this.#classifierFor(settings))
      const forgotten = async (unused: Database): Promise<void> => this.#databases.forget(key, unused)
      const shared = this.#servers.get(server, () => this.#openServer(resolved, this.#writtenTo(resolved)))
      return this.#kind.open(resolved, { ...shared, classifier, forgotten })
    })
    this.#first ??= database
    return database
  }

  /** What shares nothing with anything, and ends for good when its last client does. */
  openAlone(resolved: Resolved): Database {
    const server = this.#openServer(resolved, undefined)
    const classifier = this.#classifierFor(resolved.settings)
    return this.#kind.open(resolved, { ...server, classifier, forgotten: () => server.replication.end() })
  }

  #writtenTo({ topology: { primary }, settings, driverOptions }: Resolved): Written {
    const { name = primary.database ?? 'default' } = settings
    const [place, , route] = placeOf(primary, driverOptions)
    const key = this.#fingerprints.of([name, place, route])
    return this.#written.get(key, () => new Written(name, this.#kind.source.algebra))
  }

  #openServer({ topology, settings }: Resolved, written: Written | undefined): SharedServer {
    const { name, outsideRequest, replayCostMs } = settings
    const source = new SharedSource(this.#kind.source)
    const replication = new DatabaseReplication({
      name,
      topology,
      source,
      outsideRequest,
      replayCostMs,
      written,
    })
    return { replication, source }
  }

  #classifierFor({ functions }: DatabaseSettings): Classifier {
    return createClassifier({ dialect: this.#kind.dialect, ...(functions === undefined ? {} : { functions }) })
  }

  #serverKeyOf({ topology, settings, driverOptions }: Resolved): string {
    const { role, region, primaryRegion, primary, local } = topology
    const { functions: _, ...ours } = settings
    const places = [primary, local].map((endpoint) => placeOf(endpoint, driverOptions))
    return this.#fingerprints.of([places, role, region, primaryRegion, ours])
  }
}

/** Where a server is, who logs in there, and what a pooler is told. */
function placeOf({ host, port, user, database, url }: Endpoint, driverOptions: object): unknown[] {
  const inUrl = parametersOf(url).get('options')?.replaceAll(/%3d/gi, '=') ?? ''
  // A URL that only the driver can read is a place of its own.
  const place = host === undefined ? url : [host, port, database]
  return [place, user, routingOption.exec(`${inUrl} ${String(Reflect.get(driverOptions, 'options') ?? '')}`)?.[0]]
}
