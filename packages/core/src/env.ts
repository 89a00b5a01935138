/**
 * The only reader of variable names. What the platform sets is described in Fly.io's "The Machine Runtime
 * Environment"; `PRIMARY_REGION` comes from `primary_region` in fly.toml, `DATABASE_URL` from attaching a database.
 */

/** Environment variables: `process.env`, or an object that looks like it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where this Machine runs. All of it is `undefined` off Fly. */
export interface MachineEnvironment {
  readonly region: string | undefined
  readonly primaryRegion: string | undefined
  readonly appName: string | undefined
  readonly machineId: string | undefined
}

/** A variable that is set, with its name for messages. */
export interface Variable {
  readonly name: string
  readonly value: string
}

/** A connection in pieces, each with the variable it came from. */
export type PieceVariables = Partial<Record<'host' | 'port' | 'user' | 'password' | 'database', readonly Variable[]>>

/** The variables of one family of pieces: the names that mean the same, in order of preference. */
type PieceNames = Record<keyof PieceVariables, readonly string[]>

/** The names libpq and every Postgres driver know ("Environment Variables" in PostgreSQL's documentation). */
const libpqNames: PieceNames = {
  host: ['PGHOST'],
  port: ['PGPORT'],
  user: ['PGUSER'],
  password: ['PGPASSWORD'],
  database: ['PGDATABASE'],
}

/** The names that frameworks use, Laravel's first; they hold for any database. */
const frameworkNames: PieceNames = {
  host: ['DB_HOST'],
  port: ['DB_PORT'],
  user: ['DB_USERNAME', 'DB_USER'],
  password: ['DB_PASSWORD'],
  database: ['DB_DATABASE', 'DB_NAME'],
}

/** The variable with the primary's URL where nothing else is said. */
export const defaultUrlVariable = 'DATABASE_URL'

export function readMachine(env: Environment = process.env): MachineEnvironment {
  return {
    region: read(env, 'FLY_REGION'),
    primaryRegion: read(env, 'PRIMARY_REGION'),
    appName: read(env, 'FLY_APP_NAME'),
    machineId: read(env, 'FLY_MACHINE_ID') ?? read(env, 'FLY_ALLOC_ID'),
  }
}

/** A variable that holds a URL. */
export function readUrl(env: Environment, name: string): Variable | undefined {
  const value = read(env, name)
  return value === undefined ? undefined : { name, value }
}

/** The variable for the replica of a process that no per-region variable covers: `DATABASE_URL` → `DATABASE_REPLICA_URL`. */
export function replicaUrlVariable(urlVariable: string): string {
  return /_UR[IL]$/.test(urlVariable) ? urlVariable.replace(/_(UR[IL])$/, '_REPLICA_$1') : `${urlVariable}_REPLICA`
}

/** The URL that leads around a pooler, as Fly.io's documentation calls it: `DIRECT_DATABASE_URL` beside `DATABASE_URL`. */
export function readDirectUrl(urlVariable: string, env: Environment = process.env): string | undefined {
  return read(env, `DIRECT_${urlVariable}`)
}

/** Variables `<name>_<REGION>`, by region code in lower case. Two spellings of a region give two variables. */
export function readRegionUrls(env: Environment, urlVariable: string): Map<string, Variable[]> {
  const found = new Map<string, Variable[]>()
  for (const [region, name] of regionVariables(env, urlVariable)) {
    const variable = readUrl(env, name)
    if (variable !== undefined) found.set(region, [...(found.get(region) ?? []), variable])
  }
  return found
}

/** The connection in pieces: libpq's names where they say a host (and the database is not MySQL), else the frameworks'. */
export function readPieces(env: Environment, dialect: string | undefined): PieceVariables | undefined {
  return families(dialect)
    .map((names) => readFamily(env, names, ''))
    .find(({ host }) => host !== undefined)
}

/** Pieces that differ in a region: `PGHOST_AMS`, `DB_HOST_AMS` and what belongs to them. */
export function readRegionPieces(env: Environment, dialect: string | undefined): Map<string, PieceVariables> {
  const found = new Map<string, PieceVariables>()
  for (const names of families(dialect)) {
    for (const [region, name] of names.host.flatMap((host) => regionVariables(env, host))) {
      const pieces = readFamily(env, names, name.slice(-4))
      if (pieces.host !== undefined && !found.has(region)) found.set(region, pieces)
    }
  }
  return found
}

/** Whether the frameworks' variables say that they are about MySQL or MariaDB (Laravel's `DB_CONNECTION`). */
export function saysMysql(env: Environment): boolean {
  return /^(mysql|mariadb)/i.test(read(env, 'DB_CONNECTION') ?? '') || read(env, 'DB_PORT') === '3306'
}

function families(dialect: string | undefined): readonly PieceNames[] {
  return dialect === 'mysql' ? [frameworkNames] : [libpqNames, frameworkNames]
}

function readFamily(env: Environment, names: PieceNames, suffix: string): PieceVariables {
  const pieces: PieceVariables = {}
  for (const piece of Object.keys(names) as (keyof PieceVariables)[]) {
    const variables = names[piece].flatMap((name): Variable[] => {
      // White space at the ends of a password may be meant.
      const value = piece === 'password' ? env[name + suffix] : read(env, name + suffix)
      return value === undefined || value === '' ? [] : [{ name: name + suffix, value }]
    })
    if (variables.length > 0) pieces[piece] = variables
  }
  return pieces
}

/** The names in the environment that are `<prefix>_<three letters>`, with the letters in lower case. */
function regionVariables(env: Environment, prefix: string): [region: string, name: string][] {
  return Object.keys(env)
    .filter((name) => name.startsWith(`${prefix}_`) && /^[A-Za-z]{3}$/.test(name.slice(prefix.length + 1)))
    .sort()
    .map((name) => [name.slice(prefix.length + 1).toLowerCase(), name])
}

/** A variable without white space at its ends; an empty one counts as unset. */
function read(env: Environment, name: string): string | undefined {
  const value = env[name]
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

/** The keys that tokens are signed with (`FLYROUTE_SECRET`, several separated by commas for rotation); the first signs. */
export function tokenSecrets(env: Environment = process.env): readonly string[] {
  return (read(env, 'FLYROUTE_SECRET') ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
}

/** How much is said on standard error: nothing, what is wrong, where the databases are as well, or every event. */
export type LogLevel = (typeof logLevels)[number]

export const logLevels = ['off', 'warn', 'info', 'debug'] as const

/** `FLYROUTE_LOG`; else `info` on Fly, and `off` elsewhere and in tests. */
export function readLogLevel(env: Environment = process.env): { level: LogLevel; isUnknown: boolean } {
  const given = read(env, 'FLYROUTE_LOG')?.toLowerCase()
  const level = logLevels.find((one) => one === given)
  const isSilent = read(env, 'FLY_REGION') === undefined || read(env, 'NODE_ENV') === 'test'
  const otherwise = isSilent && given === undefined ? 'off' : 'info'
  return { level: level ?? otherwise, isUnknown: given !== undefined && level === undefined }
}

/**
 * `FLYROUTE_ADVISE`: the folder that what is counted for `flyroute advise` goes to; `default` where it only says that something is to
 * be counted, undefined where nothing is.
 */
export function readAdvise(env: Environment = process.env): string | undefined {
  const given = read(env, 'FLYROUTE_ADVISE')
  if (given === undefined || /^(0|off|false|no)$/i.test(given)) return undefined
  return /^(1|on|true|yes)$/i.test(given) ? 'default' : given
}

/** What LiteFS's documentation, litefs-js and the templates built on them call where the database is. */
export interface LitefsEnvironment {
  /** The mount: `fuse.dir` of litefs.yml. */
  readonly dir: string | undefined
  /** The database's file name in the mount. */
  readonly filename: string | undefined
  /** The whole path, where it is said in one piece (`DATABASE_PATH`, or a `DATABASE_URL` of the form `file:…`). */
  readonly path: string | undefined
  /** Leases come from Consul, as LiteFS's documentation has it on Fly.io. */
  readonly hasConsul: boolean
}

export function readLitefs(env: Environment = process.env): LitefsEnvironment {
  const url = read(env, defaultUrlVariable)
  return {
    dir: read(env, 'LITEFS_DIR'),
    filename: read(env, 'DATABASE_FILENAME'),
    path:
      read(env, 'DATABASE_PATH') ?? (url?.startsWith('file:') ? url.slice('file:'.length).split('?')[0] : undefined),
    hasConsul: read(env, 'FLY_CONSUL_URL') !== undefined,
  }
}
