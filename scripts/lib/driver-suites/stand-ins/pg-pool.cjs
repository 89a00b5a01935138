// The module `pg-pool`.
module.exports = require('./pg.cjs').Pool
