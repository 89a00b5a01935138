// The module `mysql2`.
const { createDriver } = require('../../../../packages/mysql2/src/index.ts')

module.exports = createDriver()
