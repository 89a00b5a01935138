import { join } from 'node:path'
import type { MysqlNode } from '@flyroute/testkit'
import type { SurvivingWrite } from '@flyroute/testkit/checker'
import type { WorldKind } from '@flyroute/testkit/consistency'
import { schema } from './app/schema.ts'

const common: Pick<WorldKind<MysqlNode>, 'prepare' | 'survivors'> = {
  async prepare({ primary }) {
    for (const statement of schema) await primary.query(statement)
  },
  survivors: (primary, prefix) =>
    primary.query<SurvivingWrite>('select id, k as `key`, version from app.written where k like ?', [`${prefix}%`]),
}

/** MariaDB, behind the app in `app/`. */
export const mariadb: WorldKind<MysqlNode> = {
  ...common,
  database: 'mariadb',
  app: join(import.meta.dirname, 'app', 'server.ts'),
  databaseSettings: {
    // A commit that waits for a replica is shown to nobody before that has it: MySQL does so by itself.
    rpl_semi_sync_master_wait_point: 'AFTER_SYNC',
    transaction_isolation: 'READ-COMMITTED',
  },
}

/** MySQL, behind the same app. */
export const mysql: WorldKind<MysqlNode> = {
  ...common,
  database: 'mysql',
  app: join(import.meta.dirname, 'app', 'server-mysql.ts'),
  databaseSettings: { transaction_isolation: 'READ-COMMITTED' },
}
