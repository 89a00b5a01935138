// The module `better-sqlite3`: a class there, a function of ours.
const { createRequire } = require('node:module')
const { join } = require('node:path')
const { openDatabase } = require('../../../../packages/better-sqlite3/src/index.ts')

const Bare = createRequire(join(__dirname, '../../../../packages/better-sqlite3/package.json'))('better-sqlite3')

module.exports = Object.assign(
  function Database(filename, options) {
    return openDatabase(filename ?? '', options)
  },
  { SqliteError: Bare.SqliteError, prototype: Bare.prototype },
)
