interface ServerError {
  readonly errno?: unknown
  readonly code?: unknown
}

/** PostgreSQL: invalid_authorization_specification and its kin, invalid_catalog_name, insufficient_privilege. */
const postgresRefusals = /^(28...|3D000|42501)$/

/** MySQL, MariaDB: ER_DBACCESS_DENIED, ER_ACCESS_DENIED, ER_BAD_DB, ER_ACCESS_DENIED_NO_PASSWORD, ER_ACCOUNT_HAS_BEEN_LOCKED. */
const mysqlRefusals: ReadonlySet<unknown> = new Set([1044, 1045, 1049, 1698, 3118, 4151])

/** Whether a Postgres server has said that this login may not come in: the server is there, and others may come in. */
export function refusesPostgresLogin(error: unknown): boolean {
  const { code } = (error ?? {}) as ServerError
  return typeof code === 'string' && postgresRefusals.test(code)
}

/** The same of MySQL and MariaDB. */
export function refusesMysqlLogin(error: unknown): boolean {
  return mysqlRefusals.has(((error ?? {}) as ServerError).errno)
}
