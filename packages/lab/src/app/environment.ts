import type { DatabaseCluster } from '../databases/cluster.ts'
import type { Environment, MachinePlace, ResolvedOptions } from '../options.ts'
import { type Routes, withPort } from './routes.ts'

/** What a Machine is, for its environment. */
export interface MachineIdentity {
  readonly app: string
  readonly region: string
  readonly id: string
  readonly port: number
  readonly index: number
}

/**
 * The environment of a Machine: this process's own without what it may say of Fly.io or a database, what Fly.io sets ("The
 * Machine Runtime Environment"), where the databases are, and what the options add.
 */
export async function environmentOf(
  machine: MachineIdentity,
  options: ResolvedOptions,
  own: Environment,
  databases: DatabaseCluster | undefined,
  routes: Routes,
): Promise<Record<string, string>> {
  const place = await placeOf(machine, databases, routes)
  return {
    ...inherited(),
    FLY_APP_NAME: machine.app,
    FLY_REGION: machine.region,
    FLY_MACHINE_ID: machine.id,
    FLY_ALLOC_ID: machine.id,
    FLY_PRIVATE_IP: '127.0.0.1',
    FLY_PROCESS_GROUP: 'app',
    PRIMARY_REGION: options.primaryRegion,
    PORT: String(machine.port),
    ...(place.databaseUrl === undefined ? {} : { DATABASE_URL: place.databaseUrl }),
    ...replicaVariables(place, options.replicaVariables),
    ...(typeof own === 'function' ? own(place) : own),
  }
}

function inherited(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(FLY_|DATABASE_|PG[A-Z]+$|DB_|PRIMARY_REGION$)/.test(name),
  )
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']))
}

async function placeOf(
  { region, index }: MachineIdentity,
  databases: DatabaseCluster | undefined,
  routes: Routes,
): Promise<MachinePlace> {
  if (!databases) return { region, index, databaseUrl: undefined, replicaUrls: {} }
  const replicas = databases.replicas.map(async (node) => [
    node.name,
    withPort(node.url, await routes.toNode(region, node)),
  ])
  return {
    region,
    index,
    databaseUrl: withPort(databases.primary.url, await routes.toPrimary(region, databases)),
    replicaUrls: Object.fromEntries(await Promise.all(replicas)) as Record<string, string>,
  }
}

function replicaVariables(
  { region, replicaUrls }: MachinePlace,
  style: ResolvedOptions['replicaVariables'],
): Record<string, string> {
  const local = replicaUrls[region]
  if (style === 'local') return local === undefined ? {} : { DATABASE_REPLICA_URL: local }
  if (style === 'none') return {}
  return Object.fromEntries(
    Object.entries(replicaUrls).map(([code, url]) => [`DATABASE_URL_${code.toUpperCase()}`, url]),
  )
}
