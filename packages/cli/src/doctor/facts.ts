import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ConfigurationError,
  type ConfigurationProblem,
  type Environment,
  resolveTopology,
  type Topology,
} from '@flyroute/core'
import type { Language } from './asked.ts'
import { type FlyConfig, readFlyConfig } from './fly-config.ts'
import { askServer, type ServerFacts } from './server.ts'

/** What the checks look at. Gathered once; nothing is written anywhere. */
export interface Facts {
  readonly env: Environment
  readonly region: string | undefined
  readonly primaryRegion: string | undefined
  /** Undefined where the settings contradict themselves. */
  readonly topology: Topology | undefined
  readonly problems: readonly ConfigurationProblem[]
  readonly fly: FlyConfig | undefined
  readonly primary: ServerFacts | undefined
  /** The server that reads use; the same object as `primary` where they are one. */
  readonly local: ServerFacts | undefined
  readonly litefs: { readonly hostname: string | undefined } | undefined
  /** How npm starts the app. */
  readonly startScript: string | undefined
  /** What the app here answers to its health check; undefined where it does not run. */
  readonly health: { readonly path: string; readonly status: number; readonly body: string } | undefined
}

export interface DoctorOptions {
  readonly env: Environment
  /** Where fly.toml, litefs.yml and package.json are. */
  readonly cwd: string
  /** As if it ran there. Default: `FLY_REGION`. */
  readonly region?: string | undefined
  /** How long (ms) each server has. Default: 4,000. */
  readonly timeoutMs?: number
}

export async function gatherFacts(options: DoctorOptions): Promise<Facts> {
  const { cwd, timeoutMs = 4_000 } = options
  const toml = read(cwd, 'fly.toml')
  const fly = toml === undefined ? undefined : readFlyConfig(toml)
  const env = {
    // What Fly makes of the file is there on a Machine already.
    ...fly?.env,
    ...(fly?.primaryRegion === undefined ? {} : { PRIMARY_REGION: fly.primaryRegion }),
    ...options.env,
    ...(options.region === undefined ? {} : { FLY_REGION: options.region }),
  }
  const { topology, problems } = resolve(env)
  const [servers, health] = await Promise.all([askServers(env, topology, timeoutMs), askHealth(fly, env, timeoutMs)])
  return {
    env,
    region: topology?.region ?? env.FLY_REGION,
    primaryRegion: topology?.primaryRegion ?? env.PRIMARY_REGION,
    topology,
    problems,
    fly,
    ...servers,
    litefs: litefsOf(cwd, env),
    startScript: startScriptOf(read(cwd, 'package.json')),
    health,
  }
}

function resolve(env: Environment): Pick<Facts, 'topology' | 'problems'> {
  try {
    const dialect = languageOf(env)
    return { topology: resolveTopology({ env, ...(dialect && { dialect }) }), problems: [] }
  } catch (error) {
    if ((error as Partial<ConfigurationError>).code !== 'ERR_CONFIGURATION') throw error
    return { topology: undefined, problems: (error as ConfigurationError).problems }
  }
}

/** By the scheme, or by the frameworks' variables. */
function languageOf({
  DATABASE_URL: url = '',
  DB_CONNECTION: connection = '',
  PGHOST,
}: Environment): Language | undefined {
  if (/^(mysql|mariadb)/i.test(url) || /^(mysql|mariadb)/i.test(connection)) return 'mysql'
  return /^postgres/i.test(url) || PGHOST !== undefined ? 'postgres' : undefined
}

async function askServers(
  env: Environment,
  topology: Topology | undefined,
  timeoutMs: number,
): Promise<Pick<Facts, 'primary' | 'local'>> {
  const language = languageOf(env)
  if (topology === undefined || language === undefined) return { primary: undefined, local: undefined }
  const { primary, local, role } = topology
  const [first, other] = await Promise.all([
    askServer(primary, language, 'primary', timeoutMs),
    local === primary ? undefined : askServer(local, language, role, timeoutMs),
  ])
  return { primary: first, local: other ?? first }
}

async function askHealth(fly: FlyConfig | undefined, env: Environment, timeoutMs: number): Promise<Facts['health']> {
  const service = fly?.services.find(({ checkPaths }) => checkPaths.length > 0)
  const path = service?.checkPaths[0]
  const port = env.PORT ?? service?.internalPort
  if (path === undefined || port === undefined) return undefined
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    // As Fly's checks do: what redirects has failed.
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', signal })
    return { path, status: response.status, body: await response.text() }
  } catch {
    return undefined
  }
}

function litefsOf(cwd: string, env: Environment): Facts['litefs'] {
  const yml = read(cwd, 'litefs.yml') ?? read('/etc', 'litefs.yml')
  if (yml === undefined && env.LITEFS_DIR === undefined) return undefined
  return { hostname: /^\s+hostname:\s*["']?([^\s"'#]+)/m.exec(yml ?? '')?.[1] }
}

function startScriptOf(packageJson: string | undefined): string | undefined {
  try {
    return (JSON.parse(packageJson ?? '{}') as { scripts?: { start?: string } }).scripts?.start
  } catch {
    return undefined
  }
}

function read(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), 'utf8')
  } catch {
    return undefined
  }
}
