import { join } from 'node:path'
import type { PostgresNode } from '@flyroute/testkit'
import type { SurvivingWrite } from '@flyroute/testkit/checker'
import { World as AnyWorld, type WorldKind, type WorldOptions } from '@flyroute/testkit/consistency'
import { functions, schema } from './app/schema.ts'

/** Postgres, behind the app in `app/`. */
export const postgres: WorldKind<PostgresNode> = {
  database: 'postgres',
  app: join(import.meta.dirname, 'app', 'server.ts'),
  async prepare({ primary }) {
    // The app's own user is to own its tables.
    await primary.query(`set role app; ${schema}; ${functions}; reset role`)
  },
  async settle(databases) {
    // Where a standby starts from after a crash.
    await databases.primary.query('checkpoint')
    await databases.caughtUp()
    for (const replica of databases.replicas) await replica.query('checkpoint')
  },
  survivors: (primary, prefix) =>
    primary.query<SurvivingWrite>('select id, key, version from written where starts_with(key, $1)', [prefix]),
}

export type World = AnyWorld<PostgresNode>
export const World: { start(options?: WorldOptions): Promise<World> } = {
  start: (options) => AnyWorld.start(postgres, options),
}
