import { isTable, parseToml, type TomlTable, type TomlValue } from './toml.ts'

/** A service of the app, as far as replays depend on it. */
export interface FlyService {
  readonly internalPort: number | undefined
  /** Whether Fly Proxy speaks HTTP on it, which is what reads `fly-replay`. */
  readonly speaksHttp: boolean
  readonly autoStops: boolean
  readonly minMachines: number
  /** Paths of its HTTP checks. */
  readonly checkPaths: readonly string[]
}

/** What fly.toml says. */
export interface FlyConfig {
  readonly primaryRegion: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly releaseCommand: string | undefined
  /** How its processes are started, where the file says so. */
  readonly commands: readonly string[]
  readonly services: readonly FlyService[]
  /** Cookies whose holders are kept on the Machine of their last replay. */
  readonly replayCacheCookies: readonly string[]
}

/** Reads the text of a fly.toml. */
export function readFlyConfig(text: string): FlyConfig {
  const file = parseToml(text)
  const http = tablesOf(file['http_service']).map((service) => serviceOf(service, true))
  const services = tablesOf(file['services']).map((service) => serviceOf(service, speaksHttp(service)))
  const processes = tablesOf(file['processes']).flatMap((table) => Object.values(table))
  return {
    primaryRegion: textOf(file['primary_region']),
    env: Object.fromEntries(
      tablesOf(file['env']).flatMap((env) =>
        Object.entries(env).flatMap(([name, value]) =>
          isTable(value) || Array.isArray(value) ? [] : [[name, String(value)]],
        ),
      ),
    ),
    releaseCommand: tablesOf(file['deploy']).map((deploy) => textOf(deploy['release_command']))[0],
    commands: [...processes, ...tablesOf(file['experimental']).map(({ cmd }) => cmd)].flatMap(commandOf),
    services: [...http, ...services],
    replayCacheCookies: tablesNamed(file, 'replay_cache').flatMap(({ type, name }) =>
      type === 'cookie' ? [textOf(name) ?? 'without a name'] : [],
    ),
  }
}

function serviceOf(service: TomlTable, isHttp: boolean): FlyService {
  const { internal_port: port, auto_stop_machines: stops, min_machines_running: least } = service
  const checks = [...tablesOf(service['checks']), ...tablesOf(service['http_checks'])]
  return {
    internalPort: typeof port === 'number' ? port : undefined,
    speaksHttp: isHttp,
    autoStops: stops !== undefined && stops !== false && stops !== 'off',
    minMachines: typeof least === 'number' ? least : 0,
    checkPaths: checks.flatMap(({ path }) => textOf(path) ?? []),
  }
}

function speaksHttp(service: TomlTable): boolean {
  return tablesOf(service['ports']).some(({ handlers }) => Array.isArray(handlers) && handlers.includes('http'))
}

/** A table, or all of an array of tables. */
function tablesOf(value: TomlValue | undefined): TomlTable[] {
  return (Array.isArray(value) ? value : [value]).filter(isTable)
}

/** All tables of that name, wherever they stand. */
function tablesNamed(table: TomlTable, name: string): TomlTable[] {
  return Object.entries(table).flatMap(([key, value]) =>
    tablesOf(value).flatMap((inner) => (key === name ? [inner] : tablesNamed(inner, name))),
  )
}

function textOf(value: TomlValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A command in one piece, however it is written. */
function commandOf(value: TomlValue | undefined): string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? [value.filter((word) => typeof word === 'string').join(' ')] : []
}
