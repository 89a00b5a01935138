import { openWorkspace } from '../workspace.ts'
import type { ClusterOptions } from './cluster.ts'
import { type DebianPackage, findDebianPackage } from './debian.ts'
import { Cluster, type MysqlCluster } from './mysql-cluster.ts'
import type { MysqlFlavour } from './mysql-family.ts'
import { openOwnServers, ownVariables } from './mysql-own.ts'
import { LocalMysqlServer, type MysqlServers } from './mysql-server.ts'
import { findTemplate } from './mysql-template.ts'

/** Starts a cluster of servers that run here, or opens the one of the user's own servers where the variables name them. */
export async function startCluster(flavour: MysqlFlavour, options: ClusterOptions): Promise<MysqlCluster> {
  const servers = (await openOwnServers(flavour)) ?? (await openLocalServers(flavour))
  try {
    const cluster = new Cluster(flavour, servers, options)
    await cluster.open(options)
    return cluster
  } catch (error) {
    await servers.dispose()
    throw error
  }
}

/** What `startCluster` would say if it found no servers, or undefined. */
export async function whyNoServer(flavour: MysqlFlavour): Promise<string | undefined> {
  if (process.env[ownVariables(flavour).primary]) return undefined
  return findProgram(flavour).then(
    () => undefined,
    (error: Error) => error.message,
  )
}

async function openLocalServers(flavour: MysqlFlavour): Promise<MysqlServers> {
  const template = await findTemplate(flavour, await findProgram(flavour))
  const workspace = await openWorkspace()
  return {
    create: (name) => new LocalMysqlServer(name, template, workspace),
    dispose: () => workspace.dispose(),
  }
}

async function findProgram(flavour: MysqlFlavour): Promise<DebianPackage> {
  try {
    return await findDebianPackage(flavour.package)
  } catch (cause) {
    const { primary, replica } = ownVariables(flavour)
    const ways = [
      `set ${primary} and ${replica} to the URLs of the administrators of servers of your own that replicate by GTID`,
      'or run this in a container of Debian: docker run --rm -it -v "$PWD:/app" -w /app node:24-bookworm bash',
    ]
    const reason = cause instanceof Error ? cause.message.trim() : String(cause)
    throw new Error(`No ${flavour.title} server could be had here; ${ways.join(',\n')}.\nThe reason: ${reason}`, {
      cause,
    })
  }
}
