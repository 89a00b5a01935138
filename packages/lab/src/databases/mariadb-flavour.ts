import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { literal, type MysqlFlavour } from './mysql-family.ts'

// In this order; each file has one statement a line.
const systemTables = ['system_tables', 'performance_tables', 'system_tables_data', 'sys_schema']

// Until here root had no password, under each name of this machine.
const withoutRoot = [
  "DELETE FROM global_priv WHERE User = 'root';",
  "DELETE FROM proxies_priv WHERE User = 'root';",
  'FLUSH PRIVILEGES;',
]

export const mariadbFlavour: MysqlFlavour = {
  kind: 'mariadb',
  title: 'MariaDB',
  package: 'mariadb-server-core',
  program: 'usr/sbin/mariadbd',
  settings: { gtid_strict_mode: 'ON', log_slave_updates: 'ON', innodb_log_file_size: '16M' },

  async script(files, accounts) {
    const scripts = await Promise.all(systemTables.map((name) => read(files.root, name)))
    return ['CREATE DATABASE mysql;', 'USE mysql;', ...scripts, ...withoutRoot, ...accounts]
  },
  initialize: () => ['--bootstrap'],

  follow: ({ host, port, user, password }) =>
    `CHANGE MASTER TO MASTER_HOST = ${literal(host)}, MASTER_PORT = ${port}, MASTER_USER = ${literal(user)},
       MASTER_PASSWORD = ${literal(password)}, MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1`,
  // It counts from the beginning of the second of the commit, where MySQL counts from its end.
  delay: (seconds) => `CHANGE MASTER TO MASTER_DELAY = ${seconds > 0 ? seconds + 1 : 0}`,
  status: (row) => ({
    receiving: row['Slave_IO_Running'] as 'Yes' | 'No' | 'Connecting',
    received: row['Gtid_IO_Pos'] as string,
    error: (row['Last_IO_Error'] || row['Last_SQL_Error']) as string,
  }),
  position: '@@gtid_binlog_pos',
  waitFor: 'SELECT MASTER_GTID_WAIT(?, ?)',

  synchronousPrimary(count) {
    if (count > 1) throw new RangeError('MariaDB can wait for one replica, not for several.')
    return ['SET GLOBAL rpl_semi_sync_master_timeout = 86400000', `SET GLOBAL rpl_semi_sync_master_enabled = ${count}`]
  },
  synchronousReplica: (confirms) => [`SET GLOBAL rpl_semi_sync_slave_enabled = ${confirms ? 1 : 0}`],
}

/** MariaDB's own name for its files came with version 11. */
async function read(root: string, script: string): Promise<string> {
  const path = (name: string): string => join(root, 'usr', 'share', name, `${name}_${script}.sql`)
  return readFile(path('mariadb'), 'utf8').catch(() => readFile(path('mysql'), 'utf8'))
}
