// The module `kysely`, with our dialect around each of its own.
const { FlyrouteDialect } = require('../../../../packages/kysely/src/index.ts')

const kysely = require(process.env.FLYROUTE_SUITE_KYSELY)

module.exports = { ...kysely }
for (const name of ['PostgresDialect', 'MysqlDialect', 'SqliteDialect', 'PGliteDialect']) {
  const Base = kysely[name]
  function Dialect(config) {
    // A class that inherits from it is a dialect of its own.
    const dialect = Reflect.construct(Base, [config], new.target === Dialect ? Base : new.target)
    return new FlyrouteDialect({ dialect })
  }
  module.exports[name] = Object.assign(Dialect, { prototype: Base.prototype })
}
