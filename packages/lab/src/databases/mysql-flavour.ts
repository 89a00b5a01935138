import { literal, type MysqlFlavour } from './mysql-family.ts'

export const mysqlFlavour: MysqlFlavour = {
  kind: 'mysql',
  title: 'MySQL',
  package: 'mysql-server-core',
  program: 'usr/sbin/mysqld',
  settings: {
    gtid_mode: 'ON',
    enforce_gtid_consistency: 'ON',
    innodb_redo_log_capacity: '64M',
    // InnoDB spins while it starts a thread, until that runs: for each count(*), and a dozen times at the start.
    innodb_parallel_read_threads: 1,
    innodb_read_io_threads: 1,
    innodb_write_io_threads: 1,
    innodb_purge_threads: 1,
    // Three servers share a laptop; replication and its status need none of it.
    performance_schema: 'OFF',
    // With it a primary takes 8 s longer to shut down, as it counts among the clients that are waited for.
    event_scheduler: 'OFF',
    mysqlx: 'OFF',
    secure_file_priv: 'NULL',
    plugin_load: 'semisync_source.so;semisync_replica.so',
  },

  script: async (_files, accounts) => ['DROP USER root@localhost;', ...accounts],
  initialize: (script) => ['--initialize-insecure', `--init-file=${script}`],

  follow: ({ host, port, user, password }) =>
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ${literal(host)}, SOURCE_PORT = ${port}, SOURCE_USER = ${literal(user)},
       SOURCE_PASSWORD = ${literal(password)}, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_AUTO_POSITION = 1,
       SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400`,
  delay: (seconds) => `CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${seconds}`,
  status: (row) => ({
    receiving: row['Replica_IO_Running'] as 'Yes' | 'No' | 'Connecting',
    received: row['Retrieved_Gtid_Set'] as string,
    error: (row['Last_IO_Error'] || row['Last_SQL_Error']) as string,
  }),
  position: '@@GLOBAL.gtid_executed',
  waitFor: 'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)',

  synchronousPrimary: (count) => [
    'SET GLOBAL rpl_semi_sync_source_timeout = 86400000',
    `SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = ${Math.max(count, 1)}`,
    `SET GLOBAL rpl_semi_sync_source_enabled = ${count > 0 ? 1 : 0}`,
  ],
  synchronousReplica: (confirms) => [`SET GLOBAL rpl_semi_sync_replica_enabled = ${confirms ? 1 : 0}`],
}
