// The servers that suites talk to, and how these are told of them: the lab's, each with what the drivers' own set-up makes.
import { startMariadb, startMysql, startPostgres, whyNoMysql } from '../../../packages/lab/src/databases.ts'

/** A server for each kind: `postgres`, `mysql`. @param {string[]} kinds */
export async function startServers(kinds) {
  const started = await Promise.all(kinds.map((kind) => start[kind]()))
  return {
    environment: Object.assign({}, ...started.map(({ environment }) => environment)),
    /** Before each file: what was left by one that failed is gone. */
    reset: () => Promise.all(started.map(({ reset }) => reset())),
    dispose: () => Promise.all(started.map(({ cluster }) => cluster.dispose())),
  }
}

const start = {
  async postgres() {
    const cluster = await startPostgres()
    const { primary } = cluster
    const { hostname, port, username, password } = new URL(primary.adminUrl)
    await primary.query("CREATE ROLE kysely SUPERUSER LOGIN PASSWORD 'kysely'")
    await primary.query('CREATE DATABASE kysely_test OWNER kysely')
    await primary.query('CREATE DATABASE suite')
    return {
      cluster,
      environment: {
        PGHOST: hostname,
        PGPORT: port,
        PGUSER: decodeURIComponent(username),
        PGPASSWORD: decodeURIComponent(password),
        PGDATABASE: 'suite',
      },
      reset: () =>
        primary.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('suite', 'kysely_test')",
        ),
    }
  },

  async mysql() {
    const why = await whyNoMysql()
    if (why !== undefined) console.log(`MariaDB stands for MySQL, of which this machine has none: ${why}`)
    const cluster = await (why === undefined ? startMysql() : startMariadb())
    const { primary } = cluster
    const { hostname, port, username, password } = new URL(primary.adminUrl)
    await primary.query("CREATE USER kysely@'%' IDENTIFIED BY 'kysely'")
    await primary.query("GRANT ALL ON *.* TO kysely@'%'")
    await primary.query('CREATE DATABASE kysely_test')
    await primary.query('CREATE DATABASE test')
    return {
      cluster,
      environment: {
        MYSQL_HOST: hostname,
        MYSQL_PORT: port,
        MYSQL_USER: decodeURIComponent(username),
        MYSQL_PASSWORD: decodeURIComponent(password),
        MYSQL_DATABASE: 'test',
      },
      // A test installs it, and is skipped where it is there already.
      reset: () => primary.query("UNINSTALL COMPONENT 'file://component_query_attributes'").catch(() => undefined),
    }
  },
}
