import type { DebianPackage } from './debian.ts'

/** Server settings by name, as in `SET GLOBAL`. */
export type MysqlSettings = Record<string, string | number>

/** Where a replica finds the server that it replicates from. */
export interface MysqlSource {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
}

/** How replication stands, of all that `SHOW REPLICA STATUS` tells. */
export interface MysqlReplicaStatus {
  /** `Connecting` is also what a replica says while it tries again after an error. */
  readonly receiving: 'Yes' | 'No' | 'Connecting'
  /** The GTIDs that have arrived, applied or not. */
  readonly received: string
  /** What stops it, or empty. */
  readonly error: string
}

/** What differs between MariaDB and MySQL here. The statements they share are in the node. */
export interface MysqlFlavour {
  readonly kind: 'mariadb' | 'mysql'
  /** The name as people write it. */
  readonly title: string
  readonly package: string
  /** The server's path in the package. */
  readonly program: string
  /** Settings of every node. */
  readonly settings: MysqlSettings
  /** What is executed in a new data directory, one statement a line; `accounts` at its end. */
  script(files: DebianPackage, accounts: readonly string[]): Promise<string[]>
  /** Arguments for the run that makes a data directory. The script is in this file and on the standard input. */
  initialize(script: string): string[]
  /** Whom to replicate from, by GTID. */
  follow(source: MysqlSource): string
  /** Applies what was committed at least this long ago. */
  delay(seconds: number): string
  status(row: Record<string, unknown>): MysqlReplicaStatus
  /** The GTIDs of all that was committed on this server, by itself or as a replica. */
  readonly position: string
  /** A query of one column: 0 when the position was reached in time. Parameters: position, seconds (more than 0). */
  readonly waitFor: string
  /** Lets commits wait until `count` replicas have received them (0: none). */
  synchronousPrimary(count: number): string[]
  /** Lets a replica confirm what it receives. */
  synchronousReplica(confirms: boolean): string[]
}

/** A value as SQL, for statements that take no parameters. */
export function literal(value: string | number): string {
  return typeof value === 'number' ? String(value) : `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
