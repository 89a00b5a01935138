import type { AdapterUnderTest, ConformanceCluster, ConformanceNode } from '../conformance/adapter.ts'
import { away, home } from '../conformance/regions.ts'
import { type LitefsCluster, startLitefs } from './cluster.ts'

const noServer = 'a file has no server: the app and its copy are one machine'

/** What the conformance suite has to know of SQLite on LiteFS, whatever the driver. */
export const onLitefs: Pick<AdapterUnderTest, 'startCluster' | 'replaysTo' | 'without'> = {
  startCluster: startLitefsPair,
  replaysTo: { instance: home },
  without: {
    'hidden-write': 'SQLite says of every statement whether it writes',
    hanging: noServer,
    dying: noServer,
    servers: noServer,
    distance: noServer,
    'lost-answer': noServer,
    promotion: 'the primary that was is a replica then, not dead: see the tests of failover on LiteFS',
    'primary-connection': 'LiteFS has no connection to the primary, only a replay',
  },
}

/** A cluster of LiteFS in the suite's two regions. */
async function startLitefsPair(): Promise<ConformanceCluster> {
  const cluster = await startLitefs({ nodes: [home, away] })
  return {
    primary: nodeOf(cluster, home),
    replicas: [nodeOf(cluster, away)],
    caughtUp: () => cluster.caughtUp(),
    dispose: () => cluster.dispose(),
  }
}

function nodeOf(cluster: LitefsCluster, name: string): ConformanceNode {
  const never = (): never => {
    throw new Error(noServer)
  }
  return {
    url: `file:${cluster.node(name).path}`,
    port: name === home ? 1 : 2,
    query: (sql) => cluster.query(name, sql),
    pauseReplay: () => cluster.pause(name),
    resumeReplay: () => cluster.resume(name),
    promote: () => cluster.promote(name),
    kill: never,
    stop: never,
    start: never,
    pauseProcess: never,
    resumeProcess: never,
  }
}
