// The module `kysely`, with our dialect around each of its own.
const { FlyrouteDialect } = require('../../../../packages/kysely/src/index.ts')

const kysely = require(process.env.FLYROUTE_SUITE_KYSELY)

module.exports = { ...kysely }
for (const name of ['PostgresDialect', 'MysqlDialect', 'SqliteDialect', 'PGliteDialect']) {
  module.exports[name] = function Dialect(config) {
    return new FlyrouteDialect({ dialect: new kysely[name](config) })
  }
}
