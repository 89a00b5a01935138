// The module `pg`.
const { createDriver } = require('../../../../packages/pg/src/index.ts')

module.exports = createDriver()
