// `pg/lib/client`.
module.exports = require('./pg.cjs').Client
