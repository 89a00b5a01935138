import { FlyrouteDialect } from '@flyroute/kysely'
import { startMariadb } from '@flyroute/testkit'
import { describeAborts } from '@flyroute/testkit/aborts'
import { type Dialect, Kysely, MysqlDialect, sql } from 'kysely'
import { createConnection, createPool } from 'mysql2'

// On Postgres it is tried among what goes wrong with servers.

describeAborts({
  name: 'our dialect on MariaDB',
  start: () => startMariadb({ replicas: 1 }),
  reachesInPlace: true,
  open({ primary, replicas: [replica] }, controls) {
    const dialectTo = (uri: string): Dialect =>
      new MysqlDialect({
        pool: createPool({ uri, connectionLimit: 2 }),
        ...(controls ? { controlConnection: createConnection as never } : {}),
      })
    const dialect = new FlyrouteDialect({
      primary: dialectTo(primary.url),
      replica: dialectTo(replica?.url ?? ''),
      env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' },
    })
    const db = new Kysely<unknown>({ dialect })
    return { run: (text, options) => sql.raw(text).execute(db, options), end: () => db.destroy() }
  },
})
