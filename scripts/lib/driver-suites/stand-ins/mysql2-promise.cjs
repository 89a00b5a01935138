// The module `mysql2/promise`.
const { createRequire } = require('node:module')
const { join } = require('node:path')
const driver = require('./mysql2.cjs')

const fromAdapter = createRequire(join(__dirname, '../../../../packages/mysql2/package.json'))

module.exports = Object.assign(Object.create(fromAdapter('mysql2/promise')), {
  createPool: driver.createPoolPromise,
  createConnection: driver.createConnectionPromise,
})
